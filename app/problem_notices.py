"""Tells of problems that are found, and takes that back when they are over."""

from collections.abc import Callable
from time import monotonic

from PySide6.QtCore import QObject

from app.headline import display_name
from app.notices import Notice, NoticeBoard, Remedy, Tone
from app.store import Store
from app.words import plain
from spark_engine.types.health import Problem, Repair, Severity
from spark_engine.types.models import Ready
from spark_engine.types.state import HealthChanged, StateSnapshot, find_variant

SETTLING_S = 15.0
"""What is found so soon after a start was there before, most likely, and is on the Health page."""
TOLD_ELSEWHERE = ("download_failed",)
TONES: dict[Severity, Tone] = {"info": "info", "warning": "warn", "error": "bad"}


class ProblemNotices(QObject):
    """Errors are told whenever they are met, warnings when they are new; what another problem causes is not.

    `carry_out` does what a problem's button says; `clock` gives seconds.
    """

    def __init__(
        self,
        store: Store,
        board: NoticeBoard,
        carry_out: Callable[[Repair], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(board)
        self._store, self._board, self._carry_out, self._clock = store, board, carry_out, clock
        self._standing: dict[str, Problem] = {}
        self._told: set[str] = set()
        self._settled_at = 0.0
        store.happened.connect(self._follow)

    def _follow(self, event: object) -> None:
        match event:
            case StateSnapshot(state):
                self._settled_at = self._clock() + SETTLING_S
                self._look_at(state.health.problems)
            case HealthChanged(report):
                self._look_at(report.problems)

    def _look_at(self, problems: tuple[Problem, ...]) -> None:
        now = {problem.id: problem for problem in problems}
        before, self._standing = self._standing, now
        for id in self._told - now.keys():
            self._over(before[id])
        for id, problem in now.items():
            if id in self._told or (id not in before and self._is_news(problem)):
                self._tell(problem)

    def _is_news(self, problem: Problem) -> bool:
        raised = self._store.state is not None and problem.id in self._store.state.problems
        if problem.under or problem.id.partition(":")[0] in TOLD_ELSEWHERE:
            return False
        if problem.severity == "error" or raised:
            return True
        just_now = problem.part.startswith("runner:") or self._clock() >= self._settled_at
        return problem.severity == "warning" and just_now

    def _tell(self, problem: Problem) -> None:
        """Show it, or show its new words; one that somebody put away stays away unless it says something else."""
        repair, first = problem.repair, problem.id not in self._told
        action = Remedy(repair.word, lambda: self._carry_out(repair)) if repair else None
        self._told.add(problem.id)
        notice = Notice(
            _key(problem.id), TONES[problem.severity], problem.title, plain(problem.message), problem.remedy,
            action=action, announce=first and problem.severity != "info",
        )  # fmt: skip
        if first or any(n.id == notice.id and n.as_text() != notice.as_text() for n in self._board.notices):
            self._board.post(notice)

    def _over(self, problem: Problem) -> None:
        self._told.discard(problem.id)
        self._board.withdraw(_key(problem.id))
        state, (_, _, variant) = self._store.state, problem.part.partition("runner:")
        if state is None or not problem.id.startswith("model_restarting"):
            return
        entry = find_variant(state, variant)
        if entry is not None and isinstance(entry.status, Ready):
            title = f"{display_name(state, variant)} is running again"
            self._board.post(Notice(_key(problem.id), "ok", title, passing=True))


def _key(id: str) -> str:
    return f"problem:{id}"
