"""Spark as apps see it: streamed chat answers of a real engine over TCP."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spark_engine.bench.contestants.child import Streams, Timelines, at_end, clock, serve
from spark_engine.bench.contestants.http_reader import Heard, events_of, hear
from spark_engine.bench.contestants.order import load_plan
from spark_engine.bench.contestants.served import MODEL, ServedModel
from spark_engine.types.generation import Delta, Failed, Finished

SHORT, LONG = 2, 22


class SparkOverHttp:
    """Chat completions over HTTP. `words`: what prompts are made of."""

    def __init__(self, served: ServedModel, words: list[str]) -> None:
        self._words = words
        self._random = random.Random(0)
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(served.ready())
        self._address = served.address
        self.pids = served.pids
        self._loop.run_until_complete(self._calibrate())

    def measure(self, streams: Streams) -> Timelines:
        """Ask for every stream when it arrives, until all have ended."""
        return self._loop.run_until_complete(self._run(streams))

    async def _run(self, streams: Streams) -> Timelines:
        now = clock()
        return await asyncio.gather(*(self._stream(stream, now) for stream in streams))

    async def _stream(self, stream: dict[str, Any], now: Callable[[], float]) -> dict[str, Any]:
        await asyncio.sleep(stream["arrives_s"])
        text = self._text(round((len(stream["prompt"]) - self._frame) / self._per_word))
        arrived = now()
        end, times = _end_of(await self._ask(text, stream["tokens"], now))
        line = {"arrived": arrived, "times": times, "tokens": end.usage.completion_tokens}
        if len(times) < end.usage.completion_tokens:  # a slow reader gets longer pieces
            line["began"] = arrived + end.timings.first_token_ms / 1000
        return line

    async def _calibrate(self) -> None:
        """How many tokens the model's form of a conversation takes, and a word: prompts get their length by words."""
        few, many = [await self._prompt_tokens(count) for count in (SHORT, LONG)]
        self._per_word = max(1e-3, (many - few) / (LONG - SHORT))
        self._frame = few - SHORT * self._per_word

    async def _prompt_tokens(self, words: int) -> int:
        end, _ = _end_of(await self._ask(self._text(words), 2, clock()))
        return end.usage.prompt_tokens

    async def _ask(self, text: str, tokens: int, now: Callable[[], float]) -> Heard:
        """One greedy answer of exactly `tokens` tokens."""
        said = [{"role": "user", "content": text}]
        options = {"max_tokens": tokens, "temperature": 0, "ignore_eos": True}
        return await hear(self._address, {"model": MODEL, "messages": said, **options}, now)

    def _text(self, count: int) -> str:
        """So many words, others every time: what was asked before may still be in Spark's memory."""
        return " ".join(self._random.choice(self._words) for _ in range(max(1, count)))


def _end_of(heard: Heard) -> tuple[Finished, list[float]]:
    """How an answer ended, and when each piece of its text came. RuntimeError when it broke off."""
    times = []
    for time, event in events_of(heard):
        match event:
            case Delta():
                times.append(time)
            case Failed(title=title, message=message):
                raise RuntimeError(f"{title}: {message}")
            case Finished():
                return event, times
    raise RuntimeError("the answer has no end")


def open_http(order: dict[str, Any]) -> SparkOverHttp:
    """Start an engine with the ordered model."""
    served = ServedModel(load_plan(order), Path(order["root"]))
    at_end(served.close)
    return SparkOverHttp(served, order["words"])


if __name__ == "__main__":
    serve(open_http)
