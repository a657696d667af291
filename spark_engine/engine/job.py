"""What every request has on its way through the engine: its times, its device, its row in the list of requests."""

import time
from abc import ABC, abstractmethod
from typing import Any, Protocol

from msgspec.structs import replace

from spark_engine.errors import DeadlineExceeded, InvalidRequest, NotFound, SparkError, Unavailable
from spark_engine.protocol.messages import SequenceEvent, SequenceFailed, ToRunner
from spark_engine.types.generation import Served
from spark_engine.types.requests import RequestEntry, RequestKind, RequestPhase

CANCELLED = "cancelled"
"""The code of the error that ends a request which was cancelled before a runner had it."""


class Ledger(Protocol):
    """Who is told about requests: the bus and the counters."""

    def changed(self, entry: RequestEntry) -> None:
        """A row of the list of requests changed."""

    def decoded(self, count: int) -> None:
        """So many tokens just came out of a model."""

    def ended(self, entry: RequestEntry) -> None:
        """A request is over; its row is final."""


class Job(ABC):
    """A request of one variant. Every method is called in the event loop's thread. `tokens` counts those of its answer.

    `deadline_s`: seconds from now after which its answer is of no use any more.
    """

    def __init__(
        self,
        id: str,
        client: str,
        variant: str,
        ledger: Ledger,
        deadline_s: float | None = None,
        kind: RequestKind = "generation",
        **asked: Any,
    ) -> None:
        """`asked`: further fields of its row."""
        now = time.time()
        self.entry = RequestEntry(id, variant, "waiting", client, accepted_at=now, kind=kind, **asked)
        self.deadline_s = deadline_s
        self.tokens = 0
        self._ledger = ledger
        self._device = ""
        self._accepted = self._submitted = time.perf_counter()
        ledger.changed(self.entry)

    @property
    def id(self) -> str:
        """The request's id."""
        return self.entry.id

    @property
    def over(self) -> bool:
        """Whether the end is decided."""
        return self.entry.finished_at is not None

    @property
    @abstractmethod
    def command(self) -> ToRunner:
        """What the runner is to do."""

    @abstractmethod
    def count_for(self, client: str, later: int) -> None:
        """The runner is to count it for this client; `later` is added to its priority, where it has one."""

    @abstractmethod
    def take(self, event: SequenceEvent) -> None:
        """Something the runner said about this request."""

    @abstractmethod
    def _failed(self, error: SparkError) -> None:
        """Tell whoever waits that it ended with an error."""

    @abstractmethod
    def _withdrawn(self) -> None:
        """Nobody waits any more."""

    def show_client(self, name: str) -> None:
        """Who asks is known by this name now."""
        self.entry = replace(self.entry, client=name)
        self._ledger.changed(self.entry)

    def waits_for_load(self) -> None:
        """The model has to be loaded first."""
        self._move("loading")

    def submitted(self, device: str) -> None:
        """The runner has the request."""
        self._device, self._submitted = device, time.perf_counter()
        self._move("waiting", device=device, timings=replace(self.entry.timings, load_ms=self._load_ms))

    def fail(self, error: SparkError) -> None:
        """End it with an error."""
        if not self.over:
            self._failed(error)
            if error.code == CANCELLED:
                self._end("cancelled")
            else:
                self._end("failed", error_code=error.code, error=error.title)

    def too_late(self) -> DeadlineExceeded:
        """End it because its deadline has passed; the error that says so."""
        late = DeadlineExceeded(self.deadline_s)
        self.fail(late)
        return late

    def withdraw(self) -> None:
        """End it because its client left."""
        if not self.over:
            self._withdrawn()
            self._end("cancelled")

    @property
    def _seconds_left(self) -> float | None:
        """Until its deadline."""
        if self.deadline_s is None:
            return None
        return self.deadline_s - (time.perf_counter() - self._accepted)

    @property
    def _served(self) -> Served:
        return Served(self.entry.model, self._device)

    @property
    def _load_ms(self) -> float:
        """From acceptance until the runner had it."""
        return (self._submitted - self._accepted) * 1000

    def _move(self, phase: RequestPhase, **fields: object) -> None:
        """Note where it is, and what is known of it by now."""
        moved = replace(self.entry, phase=phase, **fields)
        if not self.over and moved != self.entry:
            self.entry = moved
            self._ledger.changed(moved)

    def _end(self, phase: RequestPhase, **fields: object) -> None:
        """It is over; of the answer it had what came until now, where nobody counted better."""
        usage = replace(self.entry.usage, completion_tokens=self.tokens)
        self.entry = replace(self.entry, phase=phase, finished_at=time.time(), **{"usage": usage, **fields})
        self._ledger.changed(self.entry)
        self._ledger.ended(self.entry)


def refusal(event: SequenceFailed) -> SparkError:
    """The runner's refusal as an exception of the family that its status deserves."""
    if event.status == InvalidRequest.status:
        return InvalidRequest(event.code, event.title, event.message, event.remedy, param=event.param)
    family = NotFound if event.status == NotFound.status else Unavailable
    return family(event.code, event.title, event.message, event.remedy, param=event.param)
