"""Whether Spark can answer and what is wrong: declared problems with delay and causes, rows of its parts."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from spark_engine.engine.health_parts import parts
from spark_engine.engine.health_signs import Case, Signs
from spark_engine.engine.problems import PROBLEMS, Declared
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.state import EngineState

GRAVITY = {"error": 0, "warning": 1, "info": 2}


class Standing:
    """Since when each problem stands; `report` tells those that have stood long enough."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self.next_at: float | None = None
        """When a problem that stands now will be told, Unix seconds; None when all are."""

    def report(self, signs: Signs, now: float) -> HealthReport:
        """The health as of `now` (Unix seconds): problems show after their delay, below a cause that stands."""
        found = list(_found(signs))
        self._since = {p.id: self._since.get(p.id, p.since or now) for p, _ in found}
        due = {p.id: self._since[p.id] + delay for p, delay in found}
        later = [at for at in due.values() if at > now]
        self.next_at = min(later) if later else None
        shown = [replace(p, since=self._since[p.id]) for p, _ in found if due[p.id] <= now]
        return _report(signs, shown, [p for p, _ in found])


def report(state: EngineState) -> HealthReport:
    """The health that a state alone tells, with every problem at once."""
    signs = Signs(state)
    found = [p for p, _ in _found(signs)]
    return _report(signs, found, found)


def _report(signs: Signs, shown: list[Problem], standing: list[Problem]) -> HealthReport:
    """Readiness does not wait for anybody's delay."""
    told = tuple(_in_order(_below_causes(shown, {p.id for p in standing})))
    ready = not any(p.blocks for p in standing)
    return HealthReport(ready, told, parts(signs, told), signs.ecosystem)


def _found(signs: Signs) -> Iterator[tuple[Problem, float]]:
    """Every problem that stands, with its delay; `under` is the cause that stands. What was raised above the engine
    comes first."""
    standing: set[str] = set()
    for raised in signs.state.problems.values():
        standing.add(raised.id)
        yield raised, 0.0
    for declared in PROBLEMS:
        for case in declared.find(signs):
            problem = _problem(declared, case, standing)
            standing.add(problem.id)
            yield problem, declared.delay_s


def _problem(declared: Declared, case: Case, standing: set[str]) -> Problem:
    joint = "_" if declared.id == "engine" else ":"
    return Problem(
        id=f"{declared.id}{joint}{case.about}" if case.about else declared.id,
        severity=declared.severity,
        title=case.title,
        message=case.message,
        remedy=case.remedy,
        blocks=declared.blocks,
        part=case.part or declared.part,
        under=next((id for id in (*case.causes, *declared.causes) if id in standing), ""),
        repair=case.repair,
    )


def _below_causes(shown: list[Problem], standing: set[str]) -> Iterator[Problem]:
    """What is caused by a problem that is not told yet waits for that one, unless requests fail because of it."""
    told = {p.id for p in shown}
    for problem in shown:
        if not problem.under or problem.under in told:
            yield problem
        elif problem.blocks or problem.under not in standing:
            yield replace(problem, under="")


def _in_order(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The gravest first, each followed by what it causes."""
    known = list(problems)
    ids = {p.id for p in known}
    for problem in sorted(known, key=lambda p: GRAVITY[p.severity]):
        if problem.under not in ids:
            yield problem
            yield from _caused_by(problem.id, known)


def _caused_by(id: str, known: list[Problem]) -> Iterator[Problem]:
    for problem in known:
        if problem.under == id:
            yield problem
            yield from _caused_by(problem.id, known)
