"""The answers of one request: several generations of one prompt, told together."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Self

from msgspec.structs import replace

from spark_engine.api.answers import Answer, collect
from spark_engine.engine.interface import GenerationStream, InferenceEngine
from spark_engine.errors import DeadlineExceeded
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.generation import (
    Delta,
    Failed,
    Finished,
    GenerationRequest,
    Started,
    Timings,
    Usage,
)

_SEEDS = 2**63
Event = Delta | Finished | Failed


def branches_of(request: GenerationRequest, count: int) -> list[GenerationRequest]:
    """`count` requests of the same prompt with ids and seeds of their own; the first is the request itself."""
    return [request, *(_branch(request, number) for number in range(1, count))]


def _branch(request: GenerationRequest, number: int) -> GenerationRequest:
    seed = request.sampling.seed
    own = None if seed is None else (seed + number + _SEEDS) % (2 * _SEEDS) - _SEEDS
    return replace(request, id=f"{request.id}-{number}", sampling=replace(request.sampling, seed=own))


class Branches:
    """Running generations that belong together. `aclose` ends them all."""

    def __init__(self, streams: Sequence[GenerationStream]) -> None:
        self._streams = streams

    @classmethod
    async def submit(cls, engine: InferenceEngine, requests: Sequence[GenerationRequest]) -> Self:
        """Start all of them, or none: raises what `InferenceEngine.submit` raises. Their deadlines count from now."""
        streams: list[GenerationStream] = []
        began = time.perf_counter()
        try:
            for request in requests:
                streams.append(await engine.submit(_later(request, began) if streams else request))
        except BaseException:
            await cls(streams).aclose()
            raise
        return cls(streams)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._streams)

    @property
    def started(self) -> Started:
        """What runs them, and what they were given of their prompt."""
        return self._streams[0].started

    async def collect(self) -> list[Answer]:
        """All whole answers; SparkError when one fails."""
        try:
            return [await collect(stream) for stream in self._streams]
        finally:
            await self.aclose()

    async def events(self) -> AsyncGenerator[tuple[int, Event]]:
        """The events of all, each with the number of its generation. Those not read wait in their mailboxes."""
        if len(self._streams) == 1:
            async for event in self._streams[0]:
                yield 0, event
            return
        iterators = [aiter(stream) for stream in self._streams]
        pending = {_next(iterator): number for number, iterator in enumerate(iterators)}
        try:
            while pending:
                done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in sorted(done, key=pending.__getitem__):
                    number, read = pending.pop(task), task.result()
                    if read is not None:
                        pending[_next(iterators[number])] = number
                        yield number, read
        finally:
            await cancel_and_wait(*pending)

    async def aclose(self) -> None:
        """Cancel those that are not over."""
        for stream in self._streams:
            await stream.aclose()


def _later(request: GenerationRequest, began: float) -> GenerationRequest:
    """A request that waited for others since `began`, with less time for it; DeadlineExceeded when none is left."""
    if request.deadline_s is None:
        return request
    left = request.deadline_s - (time.perf_counter() - began)
    if left <= 0:
        raise DeadlineExceeded(request.deadline_s)
    return replace(request, deadline_s=round(left, 3))


def _next(iterator: AsyncIterator[Event]) -> asyncio.Task[Event | None]:
    async def read() -> Event | None:
        return await anext(iterator, None)

    return create_task(read(), name="read a branch")


def together(ends: Sequence[Finished]) -> Finished:
    """The ends of all as one: the prompt counts once, and the times are those until the last has ended."""
    first = ends[0]
    if len(ends) == 1:
        return first
    prompt = replace(first.usage, completion_tokens=sum(end.usage.completion_tokens for end in ends))
    return replace(first, usage=prompt, timings=_times(ends, prompt))


def _times(ends: Sequence[Finished], usage: Usage) -> Timings:
    slowest = max((end.timings for end in ends), key=lambda times: times.decode_ms)
    decode_ms = slowest.decode_ms
    return replace(
        ends[0].timings,
        decode_ms=decode_ms,
        per_token_ms=slowest.per_token_ms,
        tokens_per_second=1000 * usage.completion_tokens / decode_ms if decode_ms else 0.0,
    )
