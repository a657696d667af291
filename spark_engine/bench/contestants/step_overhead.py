"""What a runner does between two calls of its decoder: scheduler, sampler, detokenizer, messages. Timed step by step.

The decoder is the echo's, with as many logits as a large model has, so that next to nothing of a step is its own.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from time import perf_counter
from typing import Any

from spark_engine.backends import device_env
from spark_engine.backends.base import Decoder, Logits, SlotInput
from spark_engine.bench.contestants.child import Streams, Timelines, serve
from spark_engine.bench.contestants.order import load_plan
from spark_engine.protocol.messages import (
    Events,
    FromRunner,
    SequenceFailed,
    SequenceFinished,
    Submit,
    ToRunner,
)
from spark_engine.runner.loop import MainLoop
from spark_engine.runner.model import Model
from spark_engine.runner.pipe import Sender
from spark_engine.types.chat import TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules

GREEDY, SAMPLED = (
    SamplingOptions(temperature=0),
    SamplingOptions(temperature=0.8, top_k=40, top_p=0.95, seed=1),
)


class _AllOver(Exception):
    """Every sequence of a run has ended."""


class StepOverhead:
    """A runner's main loop on this process's main thread, its messages going nowhere."""

    def __init__(self, model: Model) -> None:
        self._forward = _Timed(model.decoder)
        self._commands: SimpleQueue[ToRunner] = SimpleQueue()
        self._nowhere = Sender(open(os.devnull, "wb", buffering=0))  # noqa: SIM115  # as long as the process
        self._loop = MainLoop(model, self._send, self._commands)
        self._runs = self._left = 0

    def measure(self, streams: Streams) -> Timelines:
        """Run all streams from the start; the microseconds between every two steps that held all of them."""
        self._runs += 1
        self._left = len(streams)
        self._forward.expect(len(streams))
        for number, stream in enumerate(streams):
            self._commands.put(Submit(_request(f"{self._runs}-{number}", stream)))
        with suppress(_AllOver):
            self._loop.run()
        return [{"outside_us": self._forward.outside_us}]

    def _send(self, message: FromRunner) -> None:
        self._nowhere(message)
        for event in message.events if isinstance(message, Events) else ():
            if isinstance(event, SequenceFailed):
                raise RuntimeError(f"{event.title}: {event.message}")
            self._left -= isinstance(event, SequenceFinished)
        if not self._left:
            self._left = -1
            raise _AllOver


class _Timed:
    """Stands in front of a decoder's `forward` and notes the time between two calls."""

    def __init__(self, decoder: Decoder) -> None:
        self._call: Callable[[Sequence[SlotInput]], list[Logits | None]] = decoder.forward
        self._rows, self._ended = 0, 0.0
        self.outside_us: list[float] = []
        setattr(decoder, "forward", self)  # noqa: B010  # a method of this one object

    def expect(self, rows: int) -> None:
        """Begin anew, noting steps in which just so many rows decode."""
        self._rows, self._ended, self.outside_us = rows, 0.0, []

    def __call__(self, batch: Sequence[SlotInput]) -> Any:
        full = len(batch) == self._rows and all(len(entry.tokens) == 1 for entry in batch)
        if full and self._ended:
            self.outside_us.append((perf_counter() - self._ended) * 1e6)
        outputs = self._call(batch)
        self._ended = perf_counter() if full else 0.0
        return outputs


def _request(id: str, stream: dict[str, Any]) -> GenerationRequest:
    """A prompt without a message to repeat: its echo never ends by itself."""
    sampling = SAMPLED if stream["sampled"] else GREEDY
    rules = StopRules(max_tokens=stream["tokens"])
    return GenerationRequest(id, "bench", TokensPrompt(tuple(stream["prompt"])), sampling, rules)


def open_loop(order: dict[str, Any]) -> StepOverhead:
    """Load the echo with the ordered vocabulary."""
    device_env.prepare(os.environ)
    return StepOverhead(Model.load(load_plan(order), lambda step: None))


if __name__ == "__main__":
    serve(open_loop)
