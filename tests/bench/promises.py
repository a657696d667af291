"""What the scheduler promises, measured with a real model: gaps beside a long prompt, second turns, checked guesses.

    python -m tests.bench.promises FORMAT PATH [--rounds 3] [--prompt 2000] [--streams 1,4]

FORMAT is onnx, gguf, safetensors or pytorch. Runs in one process, without pipe or HTTP. Medians over the rounds.
"""

import argparse
import os
import random
import statistics
from collections.abc import Iterator
from time import perf_counter

from spark_engine.backends import device_env
from spark_engine.backends.base import SlotInput
from spark_engine.protocol.messages import LoadPlan, SequenceDelta, SequenceEvent, SequenceFinished
from spark_engine.runner.intake import Intake
from spark_engine.runner.model import Model
from spark_engine.runner.scheduler import Scheduler
from spark_engine.types.chat import TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules

CHECKED = 4
SHARED, NEW = 1500, 20


class Bench:
    """A model and its scheduler; `step` notes when each sequence's tokens came."""

    def __init__(self, model: Model, seed: int, *, prompt_lookup: bool = False) -> None:
        self.model, self._intake, self._draw = model, Intake(model), random.Random(seed)
        self.scheduler = Scheduler(model.decoder, model.vocabulary, model.kv, prompt_lookup=prompt_lookup)
        self.times: dict[str, list[float]] = {}
        self.told: dict[str, list[int]] = {}
        self.ended: dict[str, SequenceFinished] = {}

    def tokens(self, count: int) -> tuple[int, ...]:
        """A prompt that shares nothing with others."""
        return tuple(self._draw.choice(range(300, 800)) for _ in range(count))

    def submit(self, id: str, prompt: tuple[int, ...], answer: int) -> None:
        """Queue a sequence."""
        stop = StopRules(max_tokens=answer, ignore_eos=True)
        self.ask(GenerationRequest(id, "m", TokensPrompt(prompt), SamplingOptions(temperature=0), stop))

    def ask(self, asked: GenerationRequest) -> None:
        """Queue a request."""
        self.times[asked.id], self.told[asked.id] = [], []
        self.scheduler.submit(self._intake.begin(asked))

    def step(self) -> None:
        """One step."""
        for event in self.scheduler.step():
            self._take(event, perf_counter())

    def run(self, id: str, tokens: int = 1) -> None:
        """Until a sequence has so many tokens."""
        while len(self.times[id]) < tokens and id not in self.ended:
            self.step()

    def _take(self, event: SequenceEvent, now: float) -> None:
        if isinstance(event, SequenceDelta) and event.tokens:
            self.times[event.id] += [now] * len(event.tokens)
            self.told[event.id] += event.tokens
        if isinstance(event, SequenceFinished):
            self.ended[event.id] = event


def gaps(times: list[float]) -> list[float]:
    """Between neighbours."""
    return [later - earlier for earlier, later in zip(times, times[1:], strict=False)]


def beside(bench: Bench, round: int, streams: int, prompt: int) -> tuple[float, float, float]:
    """The worst gap over the median, the prompt's speed over that alone, and the median gap in milliseconds."""
    names = [f"{round}-{streams}-{n}" for n in range(streams)]
    bench.submit(f"{round}-{streams}-alone", bench.tokens(prompt), 1)
    began = perf_counter()
    bench.run(f"{round}-{streams}-alone")
    alone = perf_counter() - began
    for name in names:
        bench.submit(name, bench.tokens(16), 2000)
    bench.run(names[-1], 24)
    plain = [gap for name in names for gap in gaps(bench.times[name][-16:])]
    reader, before = f"{round}-{streams}-reader", {name: len(bench.times[name]) for name in names}
    bench.submit(reader, bench.tokens(prompt), 1)
    began = perf_counter()
    bench.run(reader)
    reading = perf_counter() - began
    worst = max(gap for name in names for gap in gaps(bench.times[name][before[name] - 1 :]))
    for name in names:
        bench.scheduler.cancel(name)
    median = statistics.median(plain)
    return worst / median, alone / reading, 1000 * median


def second_turn(bench: Bench, round: int) -> float:
    """Time to first token of a turn that shares a long beginning, over that of the same turn cold."""
    shared, fresh = bench.tokens(SHARED), bench.tokens(SHARED + NEW)
    took = []
    bench.submit(f"{round}-first", shared, 2)
    bench.run(f"{round}-first", 2)
    for name, prompt in (("second", shared + bench.tokens(NEW)), ("cold", fresh)):
        began = perf_counter()
        bench.submit(f"{round}-{name}", prompt, 1)
        bench.run(f"{round}-{name}")
        took.append(perf_counter() - began)
    return took[0] / took[1]


def checking(model: Model, steps: int = 12) -> float:
    """A step that checks guesses, `CHECKED` tokens in all, over a plain one; taken in turns."""
    decoder, took = model.decoder, {1: [0.0], CHECKED: [0.0]}
    held = 64
    for slot in range(decoder.max_slots):
        decoder.free(slot)
    decoder.forward([SlotInput(0, 0, [300 + n for n in range(held)], True)])
    for _ in range(steps):
        for count, seconds in took.items():
            began = perf_counter()
            decoder.forward([SlotInput(0, held, [400] * count, True, count)])
            seconds.append(perf_counter() - began)
            decoder.truncate(0, held)
    decoder.free(0)
    return statistics.median(took[CHECKED][1:]) / statistics.median(took[1][1:])


def report(options: argparse.Namespace) -> Iterator[str]:
    """A line for each promise."""
    plan = LoadPlan("bench:model", options.format, options.path, context=4096, slots=8)
    model = Model.load(plan, lambda step: None)
    if model.decoder.max_logits > 1:
        ratios = [checking(model) for _ in range(options.rounds)]
        yield f"a step over {CHECKED} tokens: {statistics.median(ratios):.2f} of a plain one"
    bench = Bench(model, seed=1)
    for streams in map(int, options.streams.split(",")):
        found = [beside(bench, round, streams, options.prompt) for round in range(options.rounds)]
        worst, speed, median = (statistics.median(values) for values in zip(*found, strict=True))
        yield (
            f"{options.prompt} tokens read beside {streams}: worst gap {worst:.2f} of the median ({median:.1f} ms), "
            f"{speed:.2f} of the speed alone"
        )
    turns = [second_turn(bench, round) for round in range(options.rounds)]
    yield f"second turn, {SHARED} tokens shared: {statistics.median(turns):.3f} of the cold time to first token"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("format", choices=["onnx", "gguf", "safetensors", "pytorch"])
    parser.add_argument("path")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=2000)
    parser.add_argument("--streams", default="1,4")
    options = parser.parse_args()
    device_env.prepare(os.environ)
    for line in report(options):
        print(line, flush=True)


if __name__ == "__main__":
    main()
