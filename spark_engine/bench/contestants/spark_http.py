"""Spark as apps see it: streamed chat answers of a real engine over TCP, timed by Spark's own client."""

import asyncio
import random
from contextlib import aclosing
from pathlib import Path
from typing import Any

from spark_engine.bench.contestants.child import Streams, Timelines, at_end, clock, serve
from spark_engine.bench.contestants.order import load_plan
from spark_engine.bench.contestants.served import MODEL, ServedModel
from spark_engine.client.http import SparkClient
from spark_engine.types.chat import ChatMessage
from spark_engine.types.generation import Delta, Failed, Finished

SHORT, LONG = 2, 22


class SparkOverHttp:
    """Chat completions by the real client. `words`: what prompts are made of."""

    def __init__(self, served: ServedModel, words: list[str]) -> None:
        self._words = words
        self._random = random.Random(0)
        self._loop = asyncio.new_event_loop()
        self._client = self._loop.run_until_complete(served.ready())
        self.pids = served.pids
        self._loop.run_until_complete(self._calibrate())

    def measure(self, streams: Streams) -> Timelines:
        """Ask for every stream when it arrives, until all have ended."""
        return self._loop.run_until_complete(self._run(streams))

    async def _run(self, streams: Streams) -> Timelines:
        now = clock()
        return await asyncio.gather(*(self._stream(stream, now) for stream in streams))

    async def _stream(self, stream: dict[str, Any], now: Any) -> dict[str, Any]:
        await asyncio.sleep(stream["arrives_s"])
        text = self._text(round((len(stream["prompt"]) - self._frame) / self._per_word))
        arrived, times = now(), list[float]()
        end = await _end_of(self._client, text, stream["tokens"], lambda: times.append(now()))
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
        end = await _end_of(self._client, self._text(words), 2, lambda: None)
        return end.usage.prompt_tokens

    def _text(self, count: int) -> str:
        """So many words, others every time: what was asked before may still be in Spark's memory."""
        return " ".join(self._random.choice(self._words) for _ in range(max(1, count)))


async def _end_of(client: SparkClient, text: str, tokens: int, on_text: Any) -> Finished:
    """One greedy answer of exactly `tokens` tokens; its end. RuntimeError when it breaks off."""
    options = {"max_tokens": tokens, "temperature": 0, "ignore_eos": True}
    async with aclosing(client.chat([ChatMessage("user", text)], MODEL, **options)) as events:
        async for event in events:
            match event:
                case Delta():
                    on_text()
                case Failed(title=title, message=message):
                    raise RuntimeError(f"{title}: {message}")
                case Finished():
                    return event
    raise RuntimeError("the answer has no end")


def open_http(order: dict[str, Any]) -> SparkOverHttp:
    """Start an engine with the ordered model."""
    served = ServedModel(load_plan(order), Path(order["root"]))
    at_end(served.close)
    return SparkOverHttp(served, order["words"])


if __name__ == "__main__":
    serve(open_http)
