"""One accepted generation until its end: its mailbox, its times."""

import asyncio
import time
from typing import assert_never

from msgspec.structs import replace

from spark_engine.engine.job import Job, Ledger, refusal
from spark_engine.engine.stream import Mailbox
from spark_engine.errors import SparkError
from spark_engine.protocol.messages import (
    SequenceAdmitted,
    SequenceDelta,
    SequenceEvent,
    SequenceFailed,
    SequenceFinished,
    SequenceStarted,
    SequenceVector,
    Submit,
)
from spark_engine.types.generation import (
    Delta,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Started,
    Timings,
    Usage,
)

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "cancelled": "cancelled",
}


class Generation(Job):
    """A generation on its way through the engine."""

    def __init__(self, request: GenerationRequest, variant: str, ledger: Ledger) -> None:
        super().__init__(
            request.id,
            request.client,
            variant,
            ledger,
            request.deadline_s,
            sampling=replace(request.sampling, logit_bias={}),
            max_tokens=request.stop.max_tokens,
        )
        self.request = request
        self.mailbox = Mailbox()
        self.started: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
        self._admitted: float | None = None
        self._first_token: float | None = None
        self._calls_tools = False

    @property
    def command(self) -> Submit:
        """What the runner is to do, in the time that is left now."""
        return Submit(replace(self.request, deadline_s=self._seconds_left))

    def count_for(self, client: str, later: int) -> None:
        """The runner is to count it for this client, and take it later by so many steps of priority."""
        self.request = replace(self.request, client=client, priority=self.request.priority + later)

    def take(self, event: SequenceEvent) -> None:
        """Something the runner said about this generation."""
        match event:
            case SequenceDelta(_, text, tokens, logprobs, calls):
                self._note_token()
                self.tokens += len(tokens)
                self._ledger.decoded(len(tokens))
                self._calls_tools |= bool(calls)
                self.mailbox.put(Delta(text, tokens, logprobs, calls))
            case SequenceStarted():
                self._begin(event)
            case SequenceAdmitted(_, cached_tokens):
                self._admit(cached_tokens)
            case SequenceFinished():
                self._finish(event)
            case SequenceFailed(code="deadline_exceeded"):
                self.too_late()
            case SequenceFailed():
                self.fail(refusal(event))
            case SequenceVector():
                pass  # comes of readings only
            case _:
                assert_never(event)

    def _failed(self, error: SparkError) -> None:
        """An exception before it started, an event afterwards."""
        if not self.started.done():
            self.started.set_exception(error)
            self.started.exception()  # seen: whoever submitted may be gone
        self.mailbox.put(Failed(error.code, error.title, error.message, error.remedy))

    def _withdrawn(self) -> None:
        self.started.cancel()

    def _begin(self, event: SequenceStarted) -> None:
        if not self.started.done():
            self.started.set_result(Started(self._served, event.prompt_tokens, event.truncation))
        self._move("waiting", usage=Usage(event.prompt_tokens, 0, event.cached_tokens))

    def _admit(self, cached_tokens: int) -> None:
        """It has a slot. One that lost it and got another one goes on as it was."""
        if self._admitted is None:
            self._admitted = time.perf_counter()
            self._move(
                "running",
                usage=replace(self.entry.usage, cached_tokens=cached_tokens),
                timings=replace(self.entry.timings, queue_ms=(self._admitted - self._submitted) * 1000),
            )

    def _note_token(self) -> None:
        """Something of the answer is here; the first time that says how long its prompt took."""
        if self._first_token is None:
            self._first_token = now = time.perf_counter()
            timings = replace(
                self.entry.timings,
                prefill_ms=(now - (self._admitted or self._submitted)) * 1000,
                first_token_ms=(now - self._accepted) * 1000,
            )
            self._move("running", timings=timings)

    def _finish(self, event: SequenceFinished) -> None:
        if self.over:
            return
        usage = Usage(event.prompt_tokens, event.completion_tokens, event.cached_tokens)
        timings = self._timings(event)
        reason = _REASONS[event.reason]
        if reason == "stop" and self._calls_tools:
            reason = "tool_calls"
        if not self.started.done():
            self.started.set_result(Started(self._served, event.prompt_tokens))
        self.mailbox.put(Finished(reason, usage, timings, self._served))
        self._end("cancelled" if reason == "cancelled" else "finished", usage=usage, timings=timings)

    def _timings(self, event: SequenceFinished) -> Timings:
        first = self._first_token or time.perf_counter()
        after_first = event.completion_tokens - 1
        per_token = event.decode_ms / after_first if after_first > 0 else 0.0
        return Timings(
            queue_ms=event.queue_ms,
            load_ms=self._load_ms,
            prefill_ms=event.prefill_ms,
            first_token_ms=(first - self._accepted) * 1000,
            decode_ms=event.decode_ms,
            per_token_ms=per_token,
            tokens_per_second=1000 / per_token if per_token else 0.0,
        )
