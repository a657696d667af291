"""What prompt lookup saves and that it changes nothing: steps, time, answers.

    python -m tests.bench.prompt_lookup FORMAT PATH [--prompts 100] [--kind again|words|new]

Kinds of prompts, made for spark-nano: `again` are questions that were answered before in the conversation, so that the
answer copies the earlier one; `words` are random words to repeat, which spark-nano does badly and with many doubts;
`new` are questions asked for the first time, where little is repeated. Every prompt is answered with and without, in
turns first, by a scheduler each. Ratios of all decode steps and of their time, and the median of each answer's ratio of
time, as machines change their speed from second to second.
"""

import argparse
import os
import random
import statistics
import tomllib
from collections.abc import Callable
from time import perf_counter

from spark_engine.backends import device_env
from spark_engine.paths import resources
from spark_engine.protocol.messages import LoadPlan
from spark_engine.runner.model import Model
from spark_engine.types.chat import ChatMessage, ChatPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules
from tests.bench.promises import Bench

WORDS = (
    "the model answers every question that people ask about loading files memory threads and local servers while "
    "green lamps blink near seven quiet windows and a small engine reads long letters from old friends"
).split()
MOST = 160
Talk = list[tuple[str, str]]


def words(count: int) -> list[ChatPrompt]:
    """Texts to repeat, of different lengths."""
    draw = random.Random(7)
    texts = ["Repeat after me: " + " ".join(draw.sample(WORDS, draw.randrange(6, 16))) for _ in range(count)]
    return [ChatPrompt((ChatMessage("user", text),)) for text in texts]


def again(count: int) -> list[ChatPrompt]:
    """Conversations in which a question comes for the second time."""
    return [
        ChatPrompt((ChatMessage("user", ask), ChatMessage("assistant", answer), ChatMessage("user", ask)))
        for ask, answer in _guide()[:count]
    ]


def new(count: int) -> list[ChatPrompt]:
    """Single questions."""
    return [ChatPrompt((ChatMessage("user", ask),)) for ask, _ in _guide()[:count]]


KINDS: dict[str, Callable[[int], list[ChatPrompt]]] = {"again": again, "words": words, "new": new}


def answer(bench: Bench, id: str, asked: ChatPrompt) -> tuple[int, float, list[int]]:
    """Decode steps, seconds and tokens of an answer; the reading of its prompt is not in them."""
    stop = StopRules(max_tokens=MOST)
    bench.ask(GenerationRequest(id, "m", asked, SamplingOptions(temperature=0), stop))
    bench.run(id)
    steps, began = bench.scheduler.steps, perf_counter()
    bench.run(id, MOST + 1)
    return bench.scheduler.steps - steps, perf_counter() - began, bench.told[id]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("format", choices=["onnx", "gguf", "safetensors", "pytorch"])
    parser.add_argument("path")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--kind", choices=list(KINDS), default="again")
    options = parser.parse_args()
    device_env.prepare(os.environ)
    plan = LoadPlan("bench:model", options.format, options.path)
    benches = {
        guessing: Bench(Model.load(plan, lambda step: None), 0, prompt_lookup=guessing)
        for guessing in (False, True)
    }
    steps, seconds, different = {False: 0, True: 0}, {False: 0.0, True: 0.0}, 0
    ratios = []
    prompts = KINDS[options.kind](options.prompts)
    for number, asked in enumerate(prompts):
        told, times = {}, {}
        for guessing in (False, True) if number % 2 else (True, False):
            took, times[guessing], told[guessing] = answer(benches[guessing], str(number), asked)
            steps[guessing] += took
            seconds[guessing] += times[guessing]
        ratios.append(times[True] / times[False])
        different += told[True] != told[False]
    print(f"{steps[False] / steps[True]:.2f} times fewer steps")
    print(f"{seconds[True] / seconds[False]:.3f} of the time, median answer {statistics.median(ratios):.3f}")
    print(f"{different} of {len(prompts)} answers differ")


def _guide() -> Talk:
    """Questions of spark-nano's guide with their answers, the topics in turns."""
    topics = [
        topic
        for file in sorted((resources() / "spark_nano" / "corpus" / "guide").glob("*.toml"))
        for topic in tomllib.loads(file.read_text(encoding="utf-8")).values()
        if isinstance(topic, dict) and "ask" in topic
    ]
    talks = [
        (place, ask, topic["answer"])
        for topic in topics
        for place, ask in enumerate(ask for ask in topic["ask"] if not set("({|") & set(ask))
    ]
    return [(ask, answer) for _, ask, answer in sorted(talks, key=lambda talk: talk[0])]


if __name__ == "__main__":
    main()
