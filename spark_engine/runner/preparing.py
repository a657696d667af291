"""Sequences whose grammar is being compiled: each waits for its own, in its place, and nobody else does."""

from concurrent.futures import Future
from time import perf_counter

from spark_engine.errors import DeadlineExceeded, SparkError
from spark_engine.runner.grammar_form import Make
from spark_engine.runner.sequence import Sequence


class Preparing:
    """Sequences that cannot be scheduled yet, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Sequence, Future[Make]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, id: object) -> bool:
        return id in self._waiting

    def add(self, sequence: Sequence, rules: Future[Make]) -> None:
        """Let a sequence wait for its rules."""
        self._waiting[sequence.id] = sequence, rules

    def remove(self, id: str) -> Sequence | None:
        """Take a sequence out; None when it does not wait here. What nobody waits for any more is not begun."""
        sequence, rules = self._waiting.pop(id, (None, None))
        if rules is not None and not any(rules is other for _, other in self._waiting.values()):
            rules.cancel()
        return sequence

    def take(self) -> list[tuple[Sequence, SparkError | None]]:
        """The sequences that need not wait any longer: they have their constraint, or an error."""
        now = perf_counter()
        taken: list[tuple[Sequence, SparkError | None]] = []
        for sequence, rules in list(self._waiting.values()):
            if rules.done():
                taken.append((sequence, _constrained(sequence, rules)))
            elif sequence.is_late(now):
                taken.append((sequence, DeadlineExceeded(sequence.deadline_s)))
        for sequence, _ in taken:
            self.remove(sequence.id)
        return taken

    def rest(self, most: float) -> float:
        """Seconds until the first of them is late, but `most` of them."""
        now = perf_counter()
        left = (
            sequence.times.submitted + sequence.deadline_s - now
            for sequence, _ in self._waiting.values()
            if sequence.deadline_s is not None
        )
        return max(0.0, min((most, *left)))


def _constrained(sequence: Sequence, rules: Future[Make]) -> SparkError | None:
    """Give a sequence its constraint; the error when there is none to give."""
    error = rules.exception()
    if error is None:
        sequence.sampler.constraint = rules.result()()
        return None
    if not isinstance(error, SparkError):
        raise error
    return error
