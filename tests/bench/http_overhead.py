"""What HTTP adds to a runner: time to first byte over prefill and tokens per second, interleaved.

    python -m tests.bench.http_overhead FOLDER [--rounds 9] [--tokens 64] [--threads 0] [--json FILE]

FOLDER is an ONNX model folder; one with random weights says little about the first byte, for its first tokens may have
no text. Every round measures, one after the other and in turns first, a runner through its pipe and Spark over HTTP.
Medians over the rounds, of the figures and of each round's ratio, as machines change their speed from second to
second. What varies least is how much of an answer's time, from its first token to its last, its runner computes: the
rest is what the way to the client costs.
`spark bench` has the bare decoder and other engines beside them.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from spark_engine.engine.runner_process import RunnerProcess
from spark_engine.protocol.messages import (
    Events,
    Load,
    Loaded,
    LoadPlan,
    LoadRefused,
    SequenceDelta,
    SequenceFailed,
    SequenceFinished,
    Submit,
)
from spark_engine.types.chat import TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules
from spark_engine.types.models import Ready
from tests.support.served import Served, serve

CARD = """
id = "bench"
name = "Bench"
family = "phi"
licence = "MIT"
summary = "The model being measured."
parameters = 1
context = 4096
[[variants]]
id = "onnx"
format = "onnx"
quantization = "int4"
path = "{path}"
"""
PROMPT_TOKENS = 32
QUESTION = "How do I download Phi-4-mini and load it on this machine?"
FIRST_TEXT = re.compile(rb'"content":"[^"]')
Row = dict[str, float]


class Piped:
    """A runner of our own, spoken to over its pipe."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._count = 0
        self._process = self._loop.run_until_complete(RunnerProcess.start("bench"))
        self._process.send(
            Load(LoadPlan("bench:onnx", "onnx", str(folder), threads=threads, prompt_lookup=False))
        )
        self._messages = aiter(self._process.messages())
        self._loop.run_until_complete(self._loaded())

    def measure(self, tokens: int) -> Row:
        """One generation."""
        return self._loop.run_until_complete(self._generate(tokens))

    def close(self) -> None:
        """End the runner."""
        self._loop.run_until_complete(self._process.end())

    async def _loaded(self) -> None:
        while not isinstance(message := await anext(self._messages), Loaded):
            assert not isinstance(message, LoadRefused), message

    async def _generate(self, tokens: int) -> Row:
        self._count += 1
        prompt = TokensPrompt(tuple(100 + n % 300 for n in range(PROMPT_TOKENS)))
        stop = StopRules(max_tokens=tokens, ignore_eos=True)
        request = GenerationRequest(f"r{self._count}", "bench", prompt, SamplingOptions(temperature=0), stop)
        began = first = time.perf_counter()
        seen = False
        self._process.send(Submit(request))
        while True:
            message = await anext(self._messages)
            for event in message.events if isinstance(message, Events) else ():
                assert not isinstance(event, SequenceFailed), event
                if isinstance(event, SequenceDelta) and not seen:
                    seen, first = True, time.perf_counter()
                if isinstance(event, SequenceFinished):
                    decode = time.perf_counter() - first
                    over = (first - began) * 1000 - event.prefill_ms
                    own = event.decode_ms / 1000
                    return {
                        "tokens_per_second": (tokens - 1) / decode,
                        "over_prefill_ms": over,
                        "of_runner": own / decode,
                    }


def measure_http(served: Served, client: httpx.Client, tokens: int) -> Row:
    """One streamed completion over HTTP, timed by its client."""
    body = {
        "model": "bench",
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
    }
    began = time.perf_counter()
    first, last, timings = None, began, {}
    with client.stream("POST", f"{served.address}/v1/chat/completions", json=body) as reply:
        assert reply.status_code == 200, reply.read()
        buffer = b""
        for chunk in reply.iter_raw():
            now = time.perf_counter()
            if first is None and FIRST_TEXT.search(chunk):
                first = now
            last = now
            buffer += chunk
    for line in buffer.split(b"\n"):
        if b'"timings":{' in line:
            timings = json.loads(line.removeprefix(b"data: "))["timings"]
    assert first is not None
    return {
        "tokens_per_second": (tokens - 1) / (last - first),
        "over_prefill_ms": (first - began) * 1000 - timings["prefill_ms"],
        "of_runner": timings["decode_ms"] / 1000 / (last - first),
    }


def medians(rows: list[Row]) -> Row:
    """The median of every figure."""
    return {key: statistics.median(r[key] for r in rows) for key in rows[0]}


def measure(folder: Path, rounds: int, tokens: int, threads: int) -> dict[str, list[Row]]:
    """Both, interleaved; the first round only warms up."""
    with tempfile.TemporaryDirectory() as root:
        cards = Path(root) / "model_cards"
        cards.mkdir()
        (cards / "bench.toml").write_text(CARD.format(path=folder))
        settings = {
            "models_preload": "false",
            "models_threads": str(threads),
            "models_prompt_lookup": "false",
        }
        with serve(Path(root), **settings) as served, httpx.Client(timeout=300) as client:
            served.control("models/bench/load")
            served.wait_status("bench:onnx", Ready, 120)
            piped = Piped(folder, threads)
            rows: dict[str, list[Row]] = {"pipe": [], "http": []}
            for round in range(rounds + 1):
                for name in ("pipe", "http") if round % 2 else ("http", "pipe"):
                    row = piped.measure(tokens) if name == "pipe" else measure_http(served, client, tokens)
                    rows[name] += [row] if round else []
            piped.close()
    return rows


def ratio(rows: list[Row], others: list[Row]) -> float:
    """The median over the rounds of how much faster one is than the other."""
    speed = "tokens_per_second"
    return statistics.median(row[speed] / other[speed] for row, other in zip(rows, others, strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    rows = measure(options.folder.resolve(), options.rounds, options.tokens, options.threads)
    result = {name: medians(found) for name, found in rows.items()}
    for name, row in result.items():
        share = ratio(rows[name], rows["pipe"])
        over = f"first byte over prefill {row['over_prefill_ms']:.2f} ms"
        own = f"{row['of_runner']:.3f} of its time in the runner"
        print(f"{name:5} {row['tokens_per_second']:8.1f} tok/s  {share:.3f} of the pipe  {own}  {over}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
