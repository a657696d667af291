"""A card in front of the window's content: Esc, its cross or a press beside it closes it; Tab stays in it."""

from typing import cast

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAccessible, QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget
from shiboken6 import isValid

from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import Card, row
from app.widgets.escape import keeps_escape
from app.widgets.tab_order import focusable
from app.widgets.text import label

WIDTH, SHADE = 512, 0.4


class Overlay(QWidget):
    """Covers `behind` while it is open. `column` takes the content; the focus goes back to where it was."""

    told_as = QAccessible.Role.Dialog

    def __init__(self, behind: QWidget, title: str) -> None:
        super().__init__(behind)
        self._behind, self._before = behind, cast(QWidget | None, None)
        self.setAccessibleName(title)
        self.card, self.cross = Card(margin=3 * GRID), Button("", "x", "plain", name=f"Close: {title}")
        self.card.setFixedWidth(WIDTH)
        head = row(label(title, "title"), None, self.cross)
        self.card.column.addLayout(head)
        self.column = QVBoxLayout()
        self.column.setSpacing(GRID)
        self.card.column.addLayout(self.column)
        middle = QHBoxLayout()
        for part in (None, self.card, None):
            middle.addStretch(1) if part is None else middle.addWidget(part)
        whole = QVBoxLayout(self)
        whole.addStretch(2)
        whole.addLayout(middle)
        whole.addStretch(3)
        self.cross.clicked.connect(self.put_away)
        behind.installEventFilter(self)
        self.hide()

    def bring_up(self) -> None:
        """Show it; the first of its controls has the focus."""
        if self.isHidden():
            self._before = self.window().focusWidget()
        self.resize(self._behind.size())
        self.show()
        self.raise_()
        order = [one for one in focusable(self) if one is not self.cross]
        (order or [self.cross])[0].setFocus(Qt.FocusReason.PopupFocusReason)

    def put_away(self) -> None:
        """Hide it."""
        if self.isHidden():
            return
        before, self._before = self._before, None
        if before is not None and isValid(before) and before.isVisible():
            before.setFocus(Qt.FocusReason.PopupFocusReason)
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt: what is behind changed its size."""
        if watched is self._behind and event.type() == QEvent.Type.Resize:
            self.resize(self._behind.size())
        return False

    def event(self, event: QEvent) -> bool:
        """Qt: Esc is the overlay's while it is open."""
        return keeps_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key."""
        if event.key() == Qt.Key.Key_Escape:
            self.put_away()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Qt: a press beside the card."""
        if not self.card.geometry().contains(event.position().toPoint()):
            self.put_away()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Qt: Tab goes round in here."""
        order = [one for one in focusable(self) if one.isVisible() and one.isEnabled()]
        if not order:
            return super().focusNextPrevChild(forward)
        now = self.window().focusWidget()
        at = order.index(now) if now in order else -1
        step = 1 if forward else -1
        reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
        order[(at + step) % len(order)].setFocus(reason)
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw the shade."""
        shade = QColor("black")
        shade.setAlphaF(SHADE)
        QPainter(self).fillRect(self.rect(), shade)
