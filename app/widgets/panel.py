"""A part that opens below what it is about: a title, its content, and a cross; Esc closes it."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout

from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.escape import keeps_escape
from app.widgets.text import ElidedLabel


class Panel(QFrame):
    """`column` takes the content. `closed` when somebody closed it; it hides itself."""

    closed = Signal()

    def __init__(self, title: str, name: str) -> None:
        super().__init__()
        self.setProperty("look", "inset")
        self.setAccessibleName(name)
        self.title, self.cross = (
            ElidedLabel(title, "strong"),
            Button("", "x", "plain", name=f"Close: {name}"),
        )
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(GRID + 4, GRID // 2, GRID // 2, GRID + 4)
        self.column.setSpacing(GRID)
        head = row(self.title, self.cross)
        head.setStretch(0, 1)
        self.column.addLayout(head)
        self.cross.clicked.connect(self.close_panel)

    def close_panel(self) -> None:
        """Put it away."""
        if not self.isHidden():
            self.hide()
            self.closed.emit()

    def event(self, event: QEvent) -> bool:
        """Qt: Esc belongs to the panel while something in it has the focus."""
        return keeps_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key."""
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
        else:
            super().keyPressEvent(event)
