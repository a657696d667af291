"""Health: what is wrong and what to do, how each part of Spark is, and the programs Spark belongs with."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.health_rows import HealthRow
from app.dashboard.page import WAITING, CardPage
from app.dashboard.problem_row import ProblemRow
from app.dashboard.restart_question import RestartQuestion
from app.health_words import overall
from app.link import Connected, Refused, Stopped
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import Card, row
from app.widgets.chip import Chip
from app.widgets.tab_order import follow_reading_order
from app.widgets.text import label
from spark_engine.types.health import HealthReport, Problem

_W = TypeVar("_W", bound=QWidget)
STOPPED = "Start it to see how each part of Spark is."


class HealthPage(CardPage):
    """Live; rows change in place."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.title, self.line = label(look="title"), label(look="quiet", wrap=True)
        self.chip = Chip(bare=True)
        self.check = Button("Check now", "arrow-clockwise", name="Check everything now")
        self.restart, self.question = Button("Restart engine", "power"), RestartQuestion(context)
        self.problems: dict[str, ProblemRow] = {}
        self.parts: dict[str, HealthRow] = {}
        self.members: dict[str, HealthRow] = {}
        self._problem_card, self._part_card, self._member_card = Card(), Card(), Card()
        self._shown: HealthReport | None = None
        self._tabs = QTimer(self, singleShot=True, interval=0)
        self._arrange()
        self._connect()
        self._draw()

    def _arrange(self) -> None:
        head = QVBoxLayout()
        head.setSpacing(4)
        head.addLayout(row(self.title, self.chip, None, self.check, self.restart))
        head.addWidget(self.line)
        self.column.addLayout(head)
        self.column.addWidget(self.question)
        self._problem_card.column.setSpacing(GRID + 4)
        self.column.addWidget(self._problem_card)
        for title, card in (("Spark", self._part_card), ("Ecosystem", self._member_card)):
            card.column.addWidget(label(title, "lead"))
            card.column.setSpacing(GRID // 2)
            self.column.addWidget(card)
        self.column.addStretch(1)

    def _connect(self) -> None:
        self.follow(self._draw, self._store.link_changed, self._store.health_changed)
        self._context.actions.busy_changed.connect(self._show_busy)
        self.check.clicked.connect(self.recheck)
        self.restart.clicked.connect(self.question.want)
        self.empty.acted.connect(self._act)
        self._tabs.timeout.connect(lambda: follow_reading_order([self]))

    def recheck(self) -> None:
        """F5: look at everything now."""
        if self.is_live:
            self._context.actions.check_health()

    def _act(self) -> None:
        if isinstance(self._store.link, (Refused, Stopped)):
            self._context.actions.start_engine()

    def _show_busy(self, key: str) -> None:
        if key == "check_health":
            busy = self._context.actions.is_busy(key)
            self.check.setEnabled(not busy)
            self.check.say("Checking…" if busy else "Check now", "Check everything now")
        elif key == "restart_engine":
            busy = self._context.actions.is_busy(key)
            self.restart.setEnabled(not busy)
            self.restart.say("Restarting…" if busy else "Restart engine")

    def _draw(self) -> None:
        state = self._store.state
        if state is None or not isinstance(self._store.link, Connected):
            self.show_absence(self._store, STOPPED)
        elif not state.health.parts:
            self.show_empty(WAITING, "Checking every part of Spark", "This takes a second or two.")
        else:
            if state.health != self._shown:
                self._shown = state.health
                self._show_report(state.health)
            self.show_cards()

    def _show_report(self, report: HealthReport) -> None:
        told = overall(report)
        self.title.setText(told.title)
        self.line.setText(told.text)
        self.chip.show_state(told.mark.word, told.mark.tone, told.mark.shape)
        self._show_problems(report.problems)
        self._follow(self._part_card, self.parts, [p.id for p in report.parts], HealthRow)
        for part in report.parts:
            self.parts[part.id].show_part(part)
        self._follow(self._member_card, self.members, [m.id for m in report.ecosystem], HealthRow)
        for member in report.ecosystem:
            self.members[member.id].show_member(member)
        self._member_card.setVisible(bool(report.ecosystem))

    def _show_problems(self, problems: Sequence[Problem]) -> None:
        ids = [p.id for p in problems]
        self._follow(self._problem_card, self.problems, ids, lambda: ProblemRow(self._context), first=0)
        depths: dict[str, int] = {}
        for problem in problems:
            depths[problem.id] = depths[problem.under] + 1 if problem.under in depths else 0
            self.problems[problem.id].show_problem(problem, depths[problem.id])
        self._problem_card.setVisible(bool(problems))

    def _follow(
        self, card: Card, rows: dict[str, _W], ids: list[str], make: Callable[[], _W], first: int = 1
    ) -> None:
        """Let a card hold a row for each id, in this order; `first` is the place of the first one."""
        changed = list(rows) != ids
        for id in [id for id in rows if id not in ids]:
            gone = rows.pop(id)
            gone.hide()
            gone.deleteLater()
        for at, id in enumerate(ids):
            if id not in rows:
                rows[id] = make()
            if card.column.indexOf(rows[id]) != first + at:
                card.column.insertWidget(first + at, rows[id])
        if changed:
            ordered = {id: rows[id] for id in ids}
            rows.clear()
            rows.update(ordered)
            self._tabs.start()
