"""One problem: how grave it is, what it means, what to do, and a button where Spark can do it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.health_words import SEVERITIES
from app.moments import moment
from app.repairs import carry_out
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.chip import Chip
from app.widgets.text import label, show_text
from app.words import breakable, plain
from spark_engine.types.health import Problem, Repair

INDENT = 3 * GRID


class ProblemRow(QWidget):
    """Changes in place; one that is caused by another stands a little to the right, below it."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._repair: Repair | None = None
        self.chip, self.button = Chip(bare=True), Button()
        self._title, self._since = label(look="lead", wrap=True), label(look="small")
        self._text, self._remedy = label(look="quiet", wrap=True), label(wrap=True, selectable=True)
        words = QVBoxLayout()
        words.setSpacing(2)
        for part in (self._title, self._text, self._remedy, self._since):
            words.addWidget(part)
        self._line = QHBoxLayout(self)
        self._line.setSpacing(2 * GRID)
        top = Qt.AlignmentFlag.AlignTop
        self.chip.setMinimumWidth(84)
        self._line.addWidget(self.chip, 0, top)
        self._line.addLayout(words, 1)
        self._line.addWidget(self.button, 0, top)
        self.button.clicked.connect(self._act)

    def show_problem(self, problem: Problem, depth: int) -> None:
        """Show it; `depth` causes stand above it."""
        mark = SEVERITIES[problem.severity]
        self._line.setContentsMargins(depth * INDENT, 2, 0, 2)
        self.chip.show_state(mark.word, mark.tone, mark.shape)
        self._title.setText(breakable(problem.title))
        show_text(self._text, breakable(plain(problem.message)))
        show_text(self._remedy, breakable(plain(problem.remedy)))
        because = "because of the problem above · " if depth else ""
        show_text(self._since, f"{because}since {moment(problem.since)}" if problem.since else "")
        self.setAccessibleName(f"{mark.word}: {problem.title}")
        self.setAccessibleDescription(f"{problem.message} {problem.remedy}".strip())
        self._repair = problem.repair
        self.button.setVisible(problem.repair is not None)
        if problem.repair is not None:
            self.button.say(problem.repair.word, f"{problem.repair.word}: {problem.title}")

    def _act(self) -> None:
        if self._repair is not None:
            carry_out(self._repair, self._context)
