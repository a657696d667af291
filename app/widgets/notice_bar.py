"""A bar across the window: what happened, what it means, what to do, with the buttons for it."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAccessible, QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.theme import theme
from app.tokens import GRID, mixed
from app.widgets.button import Button
from app.widgets.chip import MARK, Shape, draw_mark
from app.widgets.text import label, show_text

SHAPES: dict[str, Shape] = {"ok": "check", "info": "disc", "warn": "triangle", "bad": "cross"}


class NoticeBar(QWidget):
    """One notice. `acted`: the remedy's button, `copied`: [Copy details], `dismissed`: the cross."""

    told_as = QAccessible.Role.AlertMessage

    acted = Signal()
    copied = Signal()
    dismissed = Signal()

    def __init__(
        self, tone: str, title: str, text: str, remedy: str, *, action: str = "", details: bool = False
    ) -> None:
        super().__init__()
        self._tone = tone
        self.setAccessibleName(title)
        self.setAccessibleDescription(f"{text} {remedy}".strip())
        self._title, self._text, self._remedy = (
            label(title, "lead" if text else ""), label(text, "quiet", wrap=True), label(remedy, wrap=True),
        )  # fmt: skip
        self.action = Button(action)
        self.copy = Button("Copy details", "copy", "plain")
        self.close_button = Button("", "x", "plain", name=f"Dismiss: {title}")
        self.action.clicked.connect(self.acted)
        self.copy.clicked.connect(self.copied)
        self.close_button.clicked.connect(self.dismissed)
        self._arrange()
        self.action.setVisible(bool(action))
        self.copy.setVisible(details)

    def _arrange(self) -> None:
        line = QHBoxLayout(self)
        words = QVBoxLayout()
        words.setSpacing(2)
        line.setContentsMargins(3 * GRID + round(MARK) + GRID, GRID, GRID, GRID)
        line.setSpacing(GRID)
        line.addLayout(words, 1)
        for part in (self._title, self._text, self._remedy):
            words.addWidget(part)
            show_text(part, part.text())
        for button in (self.action, self.copy, self.close_button):
            line.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = theme()
        tone = colours.tone(self._tone)
        painter.fillRect(self.rect(), QColor(mixed(tone, colours.surface[1], 0.09)))
        middle = self._title.geometry().center().y() + 1
        box = self.rect().toRectF()
        box.setRect(3 * GRID - 2, middle - MARK / 2, MARK, MARK)
        draw_mark(painter, box, SHAPES.get(self._tone, "disc"), QColor(tone))
