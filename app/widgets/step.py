"""One next step: a sign, what it is for, and the buttons that do it."""

from typing import TypeVar

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLayout, QVBoxLayout, QWidget

from app.icons import icon
from app.theme import theme
from app.tokens import GRID, ICON_LARGE
from app.widgets.text import label

_W = TypeVar("_W", bound=QWidget)


class StepRow(QWidget):
    """Sign at the left, words in the middle, buttons at the right."""

    def __init__(self, glyph: str, title: str, text: str) -> None:
        super().__init__()
        self._glyph, self._sign = glyph, QLabel()
        self._words = QVBoxLayout()
        self._words.setSpacing(2)
        self._words.addWidget(label(title, "lead"))
        self._words.addWidget(label(text, "quiet", wrap=True))
        self._line = QHBoxLayout(self)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(GRID)
        self._line.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        self._line.addSpacing(GRID)
        self._line.addLayout(self._words, 1)
        self._draw_sign()

    def add(self, button: _W) -> _W:
        """Put a button at the right end."""
        self._line.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        return button

    def add_line(self, line: QLayout) -> None:
        """Put one more line below the words."""
        self._words.addLayout(line)

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._draw_sign()

    def _draw_sign(self) -> None:
        self._sign.setPixmap(icon(self._glyph, theme().text[1]).pixmap(ICON_LARGE, ICON_LARGE))
