"""What a page shows when it has nothing yet, waits, or cannot work: a sign, words, and one action."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.icons import icon
from app.theme import theme
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.text import label, show_text

SIGN, WIDEST = 40, 560


class EmptyState(QWidget):
    """A centred sign, title and text; `acted` when its one button is pressed."""

    acted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._glyph, self._tone, self._sign = "", "", QLabel()
        self._title, self._text = label(look="title", wrap=True), label(look="quiet", wrap=True)
        self.button = Button("", look="primary")
        self.button.clicked.connect(self.acted)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 3 * GRID)
        column.setSpacing(GRID)
        column.addStretch(2)
        for part in (self._sign, self._title, self._text):
            part.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addLayout(_centred(part))
        column.addSpacing(GRID)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        self.button.hide()

    def show_words(
        self, glyph: str, title: str, text: str, action: str = "", *, primary: bool = True, tone: str = ""
    ) -> None:
        """What to say; without `action` there is no button, and it is not `primary` where another one is. `tone`
        (`bad`, `warn`, …) colours the sign."""
        self._glyph, self._tone = glyph, tone
        self._draw_sign()
        show_text(self._title, title)
        show_text(self._text, text)
        self.button.say(action)
        self.button.wear("primary" if primary else "")
        self.button.setVisible(bool(action))

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._draw_sign()

    def _draw_sign(self) -> None:
        if self._glyph:
            self._sign.setPixmap(icon(self._glyph, theme().tone(self._tone)).pixmap(SIGN, SIGN))


def _centred(part: QLabel) -> QHBoxLayout:
    """In the middle, and never so wide that its lines are hard to read."""
    part.setMaximumWidth(WIDEST)
    line = QHBoxLayout()
    line.addStretch(1)
    line.addWidget(part, WIDEST)
    line.addStretch(1)
    return line
