"""A block of code: its language, a copy button, and lines that are not wrapped."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFontDatabase, QWheelEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QVBoxLayout, QWidget

from app.tokens import GRID, SIZE_BODY
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.code_colours import CodeColours
from app.widgets.text import label

BAR, TAB = 18, 4


class CodeBlock(QFrame):
    """Shows code as it is; `copied` carries it when its button is pressed."""

    copied = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("look", "inset")
        self._language = label(look="small")
        self._text = _CodeText()
        self.copy = Button("Copy", "copy", "plain", name="Copy code")
        self.copy.clicked.connect(lambda: self.copied.emit(self._text.toPlainText()))
        self._head = row(self._language, None, self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID + 4, 4, 4, GRID)
        column.setSpacing(0)
        column.addLayout(self._head)
        column.addWidget(self._text)

    def show_code(self, text: str, language: str) -> None:
        """Show this code; while it only grows, what was there is not drawn again."""
        self._language.setText(language or "code")
        self._text.setAccessibleName(f"Code, {language}" if language else "Code")
        self._text.colours.speak(language)
        self._text.show_code(text)

    def fit(self, width: int) -> int:
        """The height it needs at this width (px)."""
        height = self._text.needed_height(width - 2 * GRID - 4)
        self._text.setFixedHeight(height)
        return height + self._head.sizeHint().height() + 4 + GRID


class _CodeText(QPlainTextEdit):
    """Read-only lines in the system's fixed-width font."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(0)
        self._set_font()
        self.colours = CodeColours(self.document())

    def show_code(self, text: str) -> None:
        """Append what is new, or show everything anew."""
        shown = self.toPlainText()
        if text == shown:
            return
        if shown and text.startswith(shown):
            cursor = self.textCursor()
            cursor.movePosition(cursor.MoveOperation.End)
            cursor.insertText(text[len(shown) :])
        else:
            self.setPlainText(text)

    def needed_height(self, width: int) -> int:
        """All lines, and the scroll bar where one of them is wider than `width`."""
        lines = self.document().blockCount()
        longest = max(len(text.expandtabs(TAB)) for text in self.toPlainText().split("\n"))
        widest = longest * self.fontMetrics().horizontalAdvance("0")
        line = self.blockBoundingRect(self.document().firstBlock()).height()
        return round(lines * line + 0.5) + 4 + (BAR if widest > width else 0)

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._set_font()
            self.colours.repaint()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Sideways belongs to the code, up and down to the page."""
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()):
            super().wheelEvent(event)
        else:
            event.ignore()

    def _set_font(self) -> None:
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPixelSize(SIZE_BODY)
        self.setFont(font)
        self.setTabStopDistance(TAB * self.fontMetrics().horizontalAdvance("0"))
