"""Spark's runner alone, spoken to over its pipe as the engine does: what HTTP and engine add is missing."""

import asyncio
from typing import Any

from spark_engine.bench.contestants.child import Streams, Timelines, clock, serve
from spark_engine.bench.contestants.order import load_plan
from spark_engine.engine.runner_process import RunnerProcess
from spark_engine.protocol.messages import (
    Events,
    FromRunner,
    Load,
    Loaded,
    LoadPlan,
    LoadRefused,
    SequenceDelta,
    SequenceEvent,
    SequenceFailed,
    SequenceFinished,
    Submit,
)
from spark_engine.tasks import create_task
from spark_engine.types.chat import TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules


class PipedRunner:
    """A runner of our own, on an event loop of our own."""

    def __init__(self, plan: LoadPlan) -> None:
        self._loop = asyncio.new_event_loop()
        self._runs = 0
        self._process = self._loop.run_until_complete(_loaded(plan))
        self._messages = aiter(self._process.messages())
        self.pids = [self._process.pid]
        self._loop.run_until_complete(self._until_loaded())

    def measure(self, streams: Streams) -> Timelines:
        """Submit every stream when it arrives, until all have ended."""
        self._runs += 1
        return self._loop.run_until_complete(self._run(streams))

    async def _until_loaded(self) -> None:
        while not isinstance(message := await anext(self._messages), Loaded):
            if isinstance(message, LoadRefused):
                raise RuntimeError(f"{message.title}: {message.message}")

    async def _run(self, streams: Streams) -> Timelines:
        now = clock()
        lines: dict[str, dict[str, Any]] = {}
        arrivals = create_task(self._submit_all(streams, lines, now), name="arrivals")
        left = len(streams)
        while left:
            message = await anext(self._messages)
            came = now()
            left -= sum(_take(lines[event.id], event, came) for event in _events(message))
        await arrivals
        return list(lines.values())

    async def _submit_all(self, streams: Streams, lines: dict[str, dict[str, Any]], now: Any) -> None:
        for number, stream in enumerate(streams):
            await asyncio.sleep(stream["arrives_s"] - now())
            request = _request(f"bench-{self._runs}-{number}", stream)
            lines[request.id] = {"arrived": now(), "times": [], "tokens": 0}
            self._process.send(Submit(request))


async def _loaded(plan: LoadPlan) -> RunnerProcess:
    process = await RunnerProcess.start("bench")
    process.send(Load(plan))
    return process


def _request(id: str, stream: dict[str, Any]) -> GenerationRequest:
    stop = StopRules(max_tokens=stream["tokens"], ignore_eos=True)
    return GenerationRequest(
        id, "bench", TokensPrompt(tuple(stream["prompt"])), SamplingOptions(temperature=0), stop
    )


def _events(message: FromRunner) -> tuple[SequenceEvent, ...]:
    return message.events if isinstance(message, Events) else ()


def _take(line: dict[str, Any], event: SequenceEvent, came: float) -> bool:
    """Note what an event tells of a stream; whether the stream is over."""
    match event:
        case SequenceDelta():
            if line["times"][-1:] != [came]:  # tokens of one message are one piece
                line["times"].append(came)
        case SequenceFailed():
            raise RuntimeError(f"{event.title}: {event.message}")
        case SequenceFinished():
            line["tokens"] = event.completion_tokens
            return True
    return False


if __name__ == "__main__":
    serve(lambda order: PipedRunner(load_plan(order)))
