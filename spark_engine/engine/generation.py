"""One accepted generation until its end: its mailbox, its times, its row in the list of requests."""

import asyncio
import time
from typing import Protocol, assert_never

from msgspec.structs import replace

from spark_engine.engine.stream import Mailbox
from spark_engine.errors import InvalidRequest, NotFound, SparkError, Unavailable
from spark_engine.protocol.messages import (
    SequenceDelta,
    SequenceEvent,
    SequenceFailed,
    SequenceFinished,
    SequenceStarted,
)
from spark_engine.types.generation import (
    Delta,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Served,
    Started,
    Timings,
    Usage,
)
from spark_engine.types.requests import RequestEntry, RequestPhase

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "cancelled": "cancelled",
}


class Ledger(Protocol):
    """Who is told about generations: the bus and the counters."""

    def changed(self, entry: RequestEntry) -> None:
        """A row of the list of requests changed."""

    def decoded(self, count: int) -> None:
        """So many tokens just came out of a model."""

    def ended(self, entry: RequestEntry) -> None:
        """A generation is over; its row is final."""


class Generation:
    """A request on its way through the engine. Every method is called in the event loop's thread."""

    def __init__(self, request: GenerationRequest, variant: str, ledger: Ledger) -> None:
        self.request = request
        self.mailbox = Mailbox()
        self.entry = RequestEntry(request.id, variant, "waiting", request.client, accepted_at=time.time())
        self.started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
        self._ledger = ledger
        self._device = ""
        self._accepted = time.perf_counter()
        self._submitted = self._accepted
        self._first_token: float | None = None
        ledger.changed(self.entry)

    @property
    def id(self) -> str:
        """The request's id."""
        return self.request.id

    @property
    def over(self) -> bool:
        """Whether the end is decided."""
        return self.entry.finished_at is not None

    def waits_for_load(self) -> None:
        """The model has to be loaded first."""
        self._move("loading")

    def submitted(self, device: str) -> None:
        """The runner has the request."""
        self._device, self._submitted = device, time.perf_counter()
        self._move("waiting")

    def take(self, event: SequenceEvent) -> None:
        """Something the runner said about this generation."""
        match event:
            case SequenceDelta(_, text, tokens, logprobs):
                self._first_token = self._first_token or time.perf_counter()
                self._ledger.decoded(len(tokens))
                self.mailbox.put(Delta(text, tokens, logprobs))
            case SequenceStarted():
                self._begin(event)
            case SequenceFinished():
                self._finish(event)
            case SequenceFailed():
                self.fail(_error(event))
            case _:
                assert_never(event)

    def fail(self, error: SparkError) -> None:
        """End it with an error: an exception before it started, an event afterwards."""
        if self.over:
            return
        if not self.started.done():
            self.started.set_exception(error)
            self.started.exception()  # seen: whoever submitted may be gone
        self.mailbox.put(Failed(error.code, error.title, error.message, error.remedy))
        self._end("failed", error_code=error.code)

    def withdraw(self) -> None:
        """Its client left before the model took it."""
        if not self.over:
            self.started.cancel()
            self._end("cancelled")

    def _begin(self, event: SequenceStarted) -> None:
        if not self.started.done():
            self.started.set_result(Started(self._served, event.prompt_tokens))
        self._move("running", usage=Usage(event.prompt_tokens, 0, event.cached_tokens))

    def _finish(self, event: SequenceFinished) -> None:
        if self.over:
            return
        usage = Usage(event.prompt_tokens, event.completion_tokens, event.cached_tokens)
        timings = self._timings(event)
        reason = _REASONS[event.reason]
        if not self.started.done():
            self.started.set_result(Started(self._served, event.prompt_tokens))
        self.mailbox.put(Finished(reason, usage, timings, self._served))
        self._end("cancelled" if reason == "cancelled" else "finished", usage=usage, timings=timings)

    @property
    def _served(self) -> Served:
        return Served(self.entry.model, self._device)

    def _timings(self, event: SequenceFinished) -> Timings:
        first = self._first_token or time.perf_counter()
        after_first = event.completion_tokens - 1
        per_token = event.decode_ms / after_first if after_first > 0 else 0.0
        return Timings(
            queue_ms=event.queue_ms,
            load_ms=(self._submitted - self._accepted) * 1000,
            prefill_ms=event.prefill_ms,
            first_token_ms=(first - self._accepted) * 1000,
            decode_ms=event.decode_ms,
            per_token_ms=per_token,
            tokens_per_second=1000 / per_token if per_token else 0.0,
        )

    def _move(self, phase: RequestPhase, usage: Usage | None = None) -> None:
        if not self.over and phase != self.entry.phase:
            self.entry = replace(self.entry, phase=phase, usage=usage or self.entry.usage)
            self._ledger.changed(self.entry)

    def _end(self, phase: RequestPhase, **fields: object) -> None:
        self.entry = replace(self.entry, phase=phase, finished_at=time.time(), **fields)
        self._ledger.changed(self.entry)
        self._ledger.ended(self.entry)


def _error(event: SequenceFailed) -> SparkError:
    """The runner's refusal as an exception of the family that its status deserves."""
    if event.status == InvalidRequest.status:
        return InvalidRequest(event.code, event.title, event.message, event.remedy, param=event.param)
    family = NotFound if event.status == NotFound.status else Unavailable
    return family(event.code, event.title, event.message, event.remedy, param=event.param)
