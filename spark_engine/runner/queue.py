"""Sequences that wait for a slot: by priority, then the client that was served least, then first come, first served."""

from collections.abc import Iterator
from itertools import count
from time import perf_counter

from spark_engine.runner.sequence import Sequence

AGEING_S = 10.0


class Waiting:
    """The waiting sequences of one scheduler. Lower `priority` goes first; each AGEING_S of waiting counts as one."""

    def __init__(self) -> None:
        self._sequences: dict[str, Sequence] = {}
        self._arrivals = count()
        self._served: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._sequences)

    def __contains__(self, id: object) -> bool:
        return id in self._sequences

    def __iter__(self) -> Iterator[Sequence]:
        return iter(list(self._sequences.values()))

    def expect(self, sequence: Sequence) -> None:
        """Give a sequence its place, if it has none yet; it may be pushed later."""
        if sequence.arrival < 0:
            sequence.arrival = next(self._arrivals)

    def push(self, sequence: Sequence) -> None:
        """Queue a sequence; one that had to give up its slot gets its old place back."""
        self.expect(sequence)
        self._sequences[sequence.id] = sequence

    def remove(self, id: str) -> Sequence | None:
        """Take a sequence out; None when it does not wait here."""
        return self._sequences.pop(id, None)

    def in_order(self) -> list[Sequence]:
        """All of them, the next one first."""
        now = perf_counter()
        return sorted(self._sequences.values(), key=lambda sequence: self._rank(sequence, now))

    def serve(self, client: str, tokens: float) -> None:
        """Note work done for a client."""
        if client not in self._served:
            # Who was away has saved up nothing.
            self._served[client] = min(self._served.values(), default=0.0)
        self._served[client] += tokens

    def forget_clients(self) -> None:
        """Start counting anew, when nothing runs or waits."""
        self._served.clear()

    def _rank(self, sequence: Sequence, now: float) -> tuple[int, float, bool, int]:
        level = sequence.priority - int((now - sequence.times.submitted) / AGEING_S)
        known = sequence.client in self._served
        served = self._served[sequence.client] if known else min(self._served.values(), default=0.0)
        return level, served, known, sequence.arrival
