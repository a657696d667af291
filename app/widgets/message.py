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
EDGE = 8
"""Room at the left of what is written, for the padding of buttons that stand in line with it (px)."""
FOOT_OVERLAP = 10
"""How far a question's buttons reach into the gap below it (px)."""


class Question(QFrame):
    """What was asked, as typed, in a bubble at the right that is only as wide as it must be; below it what can be done.

    `edited`: somebody wants to ask otherwise; `turned(-1 or 1)`: to see the version before or after this one.
    """

    copied = Signal(str)
    edited = Signal()
    turned = Signal(int)

    def __init__(self, text: str, version: int = 1, versions: int = 1) -> None:
        super().__init__()
        self._bubble = QFrame(self)
        self._bubble.setProperty("look", "inset")
        self._text = ProseView("Your question", self._bubble)
        self._text.show_plain(text)
        self.versions = label(f"{version} of {versions}", "small")
        self.before = Button("", "caret-left", "plain", name="Version before")
        self.after = Button("", "caret-right", "plain", name="Version after")
        self.copy = Button("", "copy", "plain", name="Copy question")
        self.edit = Button("", "pencil-simple", "plain", name="Edit question")
        self._foot = self._make_foot(version, versions)
        self.copy.clicked.connect(lambda: self.copied.emit(text))
        self.edit.clicked.connect(self.edited)
        self.before.clicked.connect(lambda: self.turned.emit(-1))
        self.after.clicked.connect(lambda: self.turned.emit(1))

    def _make_foot(self, version: int, versions: int) -> QWidget:
        foot = QWidget(self)
        line = QHBoxLayout(foot)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addStretch(1)
        for part in (self.before, self.versions, self.after, self.copy, self.edit):
            line.addWidget(part)
        for part in (self.before, self.versions, self.after):
            part.setVisible(versions > 1)
        self.before.setEnabled(version > 1)
        self.after.setEnabled(version < versions)
        return foot

    def fit(self, width: int) -> int:
        """Arrange for text of this width, `EDGE` from the left; the height it needs (px)."""
        inner = min(self._text.natural_width(), round(width * QUESTION_SHARE) - 3 * GRID)
        height = self._text.fit(inner)
        self._text.setGeometry(GRID + 4, GRID, inner, height)
        whole, bubble = inner + 2 * GRID + 8, height + GRID + 4
        self._bubble.setGeometry(EDGE + width - whole, 0, whole, bubble)
        below = self._foot.sizeHint().height()
        self._foot.setGeometry(EDGE, bubble + 2, width, below)
        return bubble + 2 + below - FOOT_OVERLAP


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
        self._goes_on: list[bool] = []
        self._waiting = label("Waiting for the first word…", "small")
        self._waiting.setParent(self)
        self._trouble: Card | None = None
        self._foot = self._make_foot()

    def _make_foot(self) -> QWidget:
        foot = QWidget(self)
        self.figures = label(look="small", wrap=True)
        self.copy = Button("", "copy", "plain", name="Copy answer")
        self.again = Button("", "arrow-clockwise", "plain", name="Answer again")
        self.copy.clicked.connect(lambda: self.copied.emit(self._markdown))
        self.again.clicked.connect(self.regenerate)
        line = QHBoxLayout(foot)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        line.addWidget(self.copy)
        line.addWidget(self.again)
        line.addWidget(self.figures, 1)
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
        self._goes_on = [isinstance(segment, Prose) and segment.goes_on for segment in wanted]
        self.grown.emit()

    def wait(self, words: str) -> None:
        """What to say while there is no text yet."""
        self._waiting.setText(words)

    def finish(self, figures: str, *, can_repeat: bool, details: str = "") -> None:
        """The answer is complete (or was stopped): show its figures (`details` when one points at them) and what can
        be done with it.
        """
        self._waiting.hide()
        self.figures.setText(figures)
        self.figures.setToolTip(details)
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
        for button in self._trouble.findChildren(Button):
            button.show()
        self.grown.emit()

    def settle(self) -> None:
        """A later turn follows: what failed here can no longer be repeated."""
        self.again.hide()
        if self._trouble is not None:
            for button in self._trouble.findChildren(Button):
                button.hide()

    def fit(self, width: int) -> int:
        """Arrange for text of this width, `EDGE` from the left; the height it needs (px)."""
        top = 0
        for part, goes_on in zip(self._parts, self._goes_on, strict=True):
            top -= GRID if goes_on else 0
            height = part.fit(width)
            part.setGeometry(EDGE, top, width, height)
            top += height + GRID
        for extra in (self._waiting, self._trouble, self._foot):
            if extra is not None and not extra.isHidden():
                height = _height(extra, width)
                indent = 0 if extra is self._foot else EDGE + 2
                extra.setGeometry(QRect(indent, top, width + EDGE - indent, height))
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
