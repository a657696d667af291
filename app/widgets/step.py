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
        self._glyph, self._tone, self._sign = glyph, "", QLabel()
        self.title, self.text = label(title, "lead"), label(text, "quiet", wrap=True)
        self._words = QVBoxLayout()
        self._words.setSpacing(2)
        self._words.addWidget(self.title)
        self._words.addWidget(self.text)
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

    def add_part(self, part: QWidget) -> None:
        """Put a widget below the words."""
        part.setContentsMargins(0, GRID // 2, 0, 0)
        self._words.addWidget(part)

    def show_words(self, glyph: str, title: str, text: str, tone: str = "") -> None:
        """Change sign and words; `tone` (`ok`, `warn`, …) colours the sign."""
        if self.title.text() != title or self.text.text() != text:
            self.title.setText(title)
            self.text.setText(text)
        if (glyph, tone) != (self._glyph, self._tone):
            self._glyph, self._tone = glyph, tone
            self._draw_sign()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._draw_sign()

    def _draw_sign(self) -> None:
        colour = theme().tone(self._tone) if self._tone else theme().text[1]
        self._sign.setPixmap(icon(self._glyph, colour).pixmap(ICON_LARGE, ICON_LARGE))
