"""One accepted request for embeddings or a ranking until its end."""

import asyncio
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.engine.job import Job, Ledger, refusal
from spark_engine.errors import Conflict, SparkError
from spark_engine.protocol.messages import (
    Read,
    SequenceAdmitted,
    SequenceDelta,
    SequenceEvent,
    SequenceFailed,
    SequenceFinished,
    SequenceStarted,
    SequenceVector,
)
from spark_engine.types.embeddings import EmbeddingRequest, ReadingRequest
from spark_engine.types.generation import Served, Timings, Usage
from spark_engine.types.requests import RequestKind


class ReadingResult(Struct, frozen=True):
    """The numbers that came of each text, as float32 bytes in the order of the texts."""

    values: tuple[bytes, ...]
    prompt_tokens: int
    timings: Timings
    served: Served


class Reading(Job):
    """Texts on their way through the engine. `result` fails with a SparkError."""

    def __init__(self, request: ReadingRequest, variant: str, ledger: Ledger) -> None:
        kind: RequestKind = "embedding" if isinstance(request, EmbeddingRequest) else "ranking"
        super().__init__(request.id, request.client, variant, ledger, request.deadline_s, kind)
        self.result: asyncio.Future[ReadingResult] = asyncio.get_running_loop().create_future()
        self._request = request
        self._values: dict[int, bytes] = {}

    @property
    def command(self) -> Read:
        """What the runner is to do."""
        return Read(self._request)

    def count_for(self, client: str, later: int) -> None:
        """The runner is to count it for this client; readings have no priority."""
        self._request = replace(self._request, client=client)

    def take(self, event: SequenceEvent) -> None:
        """Something the runner said about this request."""
        match event:
            case SequenceVector(_, index, values):
                self._values[index] = values
            case SequenceStarted():
                self._move("running", usage=Usage(event.prompt_tokens))
            case SequenceFinished():
                self._finish(event)
            case SequenceFailed():
                self.fail(refusal(event))
            case SequenceDelta() | SequenceAdmitted():
                pass  # comes of generations only
            case _:
                assert_never(event)

    def _failed(self, error: SparkError) -> None:
        if self.result.done():  # whoever waited for it gave it up
            return
        self.result.set_exception(error)
        self.result.exception()  # seen: whoever submitted may be gone

    def _withdrawn(self) -> None:
        self.result.cancel()

    def _finish(self, event: SequenceFinished) -> None:
        if self.over or self.result.done():
            return
        usage = Usage(event.prompt_tokens)
        timings = Timings(queue_ms=event.queue_ms, load_ms=self._load_ms, prefill_ms=event.prefill_ms)
        if event.reason == "cancelled":
            self._failed(_cancelled(self.id))
            self._end("cancelled", usage=usage, timings=timings)
            return
        values = tuple(self._values[index] for index in sorted(self._values))
        self.result.set_result(ReadingResult(values, event.prompt_tokens, timings, self._served))
        self._end("finished", usage=usage, timings=timings)


def _cancelled(id: str) -> Conflict:
    return Conflict("cancelled", "The request was cancelled", f"{id} was stopped before it was done.")
