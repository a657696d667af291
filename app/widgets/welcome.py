"""What stands in an empty conversation: a greeting, questions to begin with, and a way to something better."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.empty_state import EmptyState
from app.widgets.text import label, show_text


class Welcome(QWidget):
    """`asked(question)` when one is clicked, `more_wanted` when the way on is taken, `acted`: the greeting's button."""

    asked = Signal(str)
    more_wanted = Signal()
    acted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.greeting = EmptyState()
        self.questions: list[Button] = []
        self.hint, self.more = label(look="small", wrap=True), Button()
        self._below = QVBoxLayout()
        self._below.setSpacing(GRID)
        self._arrange()
        self.greeting.acted.connect(self.acted)
        self.more.clicked.connect(self.more_wanted)
        self.show_more("", "")

    def _arrange(self) -> None:
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(3 * GRID, 0, 3 * GRID, 2 * GRID)
        column.setSpacing(GRID)
        column.addWidget(self.greeting, 1)
        column.addLayout(self._below)
        column.addSpacing(2 * GRID)
        column.addWidget(self.hint)
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)

    def greet(self, title: str, text: str, action: str = "") -> None:
        """Say this; with `action` there is a button."""
        self.greeting.show_words("chat-circle-text", title, text, action, primary=False)

    def show_questions(self, questions: Sequence[str]) -> None:
        """Offer these to click."""
        if [b.text() for b in self.questions] == list(questions):
            return
        for button in self.questions:
            button.hide()
            button.deleteLater()
        self.questions = [Button(question, name=f"Ask: {question}") for question in questions]
        for button, question in zip(self.questions, questions, strict=True):
            button.clicked.connect(lambda checked=False, said=question: self.asked.emit(said))
            self._below.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)

    def show_more(self, hint: str, word: str) -> None:
        """Say what more there is, with a button for it; empty: nothing."""
        show_text(self.hint, hint)
        self.more.say(word)
        self.more.setVisible(bool(word))
