"""One message of a conversation: a question, an answer that may still grow, or what went wrong instead."""

from PySide6.QtCore import QRect, Signal, SignalInstance
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import Card
from app.widgets.code_block import CodeBlock
from app.widgets.markdown import Code, Prose, Segment, segments
from app.widgets.prose import ProseView
from app.widgets.text import label, show_text

QUESTION_SHARE = 0.8
FOOT_INDENT = -8


class Question(QFrame):
    """What was asked, as typed, in a bubble at the right that is only as wide as it must be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._bubble = QFrame(self)
        self._bubble.setProperty("look", "inset")
        self._text = ProseView("Your question", self._bubble)
        self._text.show_plain(text)

    def fit(self, width: int) -> int:
        """Arrange for this width; the height it needs (px)."""
        inner = min(self._text.natural_width(), round(width * QUESTION_SHARE) - 3 * GRID)
        height = self._text.fit(inner)
        self._text.setGeometry(GRID + 4, GRID, inner, height)
        whole = inner + 2 * GRID + 8
        self._bubble.setGeometry(width - whole, 0, whole, height + GRID + 4)
        return height + GRID + 4


class Answer(QWidget):
    """An answer: prose and code, below it figures and actions; or an error with its remedy and [Retry]."""

    copied = Signal(str)
    link_chosen = Signal(str)
    regenerate = Signal()
    grown = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._markdown = ""
        self._parts: list[ProseView | CodeBlock] = []
        self._waiting = label("Waiting for the first word…", "small")
        self._waiting.setParent(self)
        self._trouble: Card | None = None
        self._foot = self._make_foot()

    def _make_foot(self) -> QWidget:
        foot = QWidget(self)
        self.figures = label(look="small")
        self.copy = Button("", "copy", "plain", name="Copy answer")
        self.again = Button("", "arrow-clockwise", "plain", name="Answer again")
        self.copy.clicked.connect(lambda: self.copied.emit(self._markdown))
        self.again.clicked.connect(self.regenerate)
        line = QHBoxLayout(foot)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        for part in (self.copy, self.again, self.figures):
            line.addWidget(part)
        line.addStretch(1)
        foot.hide()
        return foot

    @property
    def markdown(self) -> str:
        """The text so far."""
        return self._markdown

    def show_markdown(self, text: str) -> None:
        """The text so far; only the parts that changed are drawn again."""
        self._markdown = text
        self._waiting.setVisible(not text)
        wanted = segments(text)
        for at, segment in enumerate(wanted):
            self._show_part(at, segment)
        while len(self._parts) > len(wanted):
            self._drop(self._parts.pop())
        self.grown.emit()

    def wait(self, words: str) -> None:
        """What to say while there is no text yet."""
        self._waiting.setText(words)

    def finish(self, figures: str, *, can_repeat: bool) -> None:
        """The answer is complete (or was stopped): show its figures and what can be done with it."""
        self._waiting.hide()
        self.figures.setText(figures)
        self.again.setVisible(can_repeat)
        self.copy.setVisible(bool(self._markdown))
        self._foot.setVisible(True)
        self.grown.emit()

    def fail(self, title: str, text: str, remedy: str) -> None:
        """It went wrong: say what, why, and offer to try again."""
        self._waiting.hide()
        self._foot.hide()
        if self._trouble is None:
            self._trouble = _trouble(self, title, text, remedy, self.regenerate)
        self._trouble.show()
        self.grown.emit()

    def settle(self) -> None:
        """A later turn follows: what failed here can no longer be repeated."""
        self.again.hide()
        if self._trouble is not None:
            for button in self._trouble.findChildren(Button):
                button.hide()

    def fit(self, width: int) -> int:
        """Arrange for this width; the height it needs (px)."""
        top = 0
        for part in self._parts:
            height = part.fit(width)
            part.setGeometry(0, top, width, height)
            top += height + GRID
        for extra in (self._waiting, self._trouble, self._foot):
            if extra is not None and not extra.isHidden():
                height = _height(extra, width)
                indent = FOOT_INDENT if extra is self._foot else 2
                extra.setGeometry(QRect(indent, top, width - indent, height))
                top += height + GRID
        return max(top - GRID, 0)

    def _show_part(self, at: int, segment: Segment) -> None:
        kind = ProseView if isinstance(segment, Prose) else CodeBlock
        if at < len(self._parts) and not isinstance(self._parts[at], kind):
            for part in self._parts[at:]:
                self._drop(part)
            del self._parts[at:]
        if at == len(self._parts):
            self._parts.append(self._new_part(segment))
        part = self._parts[at]
        if isinstance(segment, Code) and isinstance(part, CodeBlock):
            part.show_code(segment.text, segment.language)
        elif isinstance(segment, Prose) and isinstance(part, ProseView):
            part.show_markdown(segment.text)

    def _new_part(self, segment: Segment) -> ProseView | CodeBlock:
        part: ProseView | CodeBlock
        if isinstance(segment, Code):
            part = CodeBlock(self)
            part.copied.connect(self.copied)
        else:
            part = ProseView("Answer", self)
            part.link_chosen.connect(self.link_chosen)
        part.show()
        return part

    def _drop(self, part: QWidget) -> None:
        part.hide()
        part.deleteLater()


def _height(widget: QWidget, width: int) -> int:
    return widget.heightForWidth(width) if widget.hasHeightForWidth() else widget.sizeHint().height()


def _trouble(parent: QWidget, title: str, text: str, remedy: str, retry: SignalInstance) -> Card:
    card = Card(parent)
    card.column.setSpacing(4)
    for words, look in ((title, "bad"), (text, "quiet"), (remedy, "quiet")):
        line = label(look=look, wrap=True, selectable=True)
        card.column.addWidget(line)
        show_text(line, words)
    button = Button("Retry", "arrow-clockwise")
    button.clicked.connect(retry)
    card.column.addSpacing(4)
    card.column.addWidget(button)
    return card
