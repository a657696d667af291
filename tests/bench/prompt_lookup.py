"""What prompt lookup saves where an answer copies its prompt, and what it changes: steps, time, answers.

    python -m tests.bench.prompt_lookup FORMAT PATH [--prompts 100]

For models that can repeat a text, as spark-nano. Every prompt is answered with and without, in turns first, by a model
each. Ratios of all decode steps and of their time.
"""

import argparse
import os
import random
from time import perf_counter

from spark_engine.backends import device_env
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


def prompts(count: int) -> list[str]:
    """Texts to repeat, of different lengths."""
    draw = random.Random(7)
    return ["Repeat after me: " + " ".join(draw.sample(WORDS, draw.randrange(6, 16))) for _ in range(count)]


def answer(bench: Bench, id: str, text: str) -> tuple[int, float, list[int]]:
    """Decode steps, seconds and tokens of an answer; the reading of its prompt is not in them."""
    asked = ChatPrompt((ChatMessage("user", text),))
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
    options = parser.parse_args()
    device_env.prepare(os.environ)
    plan = LoadPlan("bench:model", options.format, options.path)
    benches = {
        guessing: Bench(Model.load(plan, lambda step: None), 0, prompt_lookup=guessing)
        for guessing in (False, True)
    }
    steps, seconds, different = {False: 0, True: 0}, {False: 0.0, True: 0.0}, 0
    for number, text in enumerate(prompts(options.prompts)):
        told = {}
        for guessing in (False, True) if number % 2 else (True, False):
            took, spent, told[guessing] = answer(benches[guessing], str(number), text)
            steps[guessing] += took
            seconds[guessing] += spent
        different += told[True] != told[False]
    print(
        f"{steps[False] / steps[True]:.2f} times fewer steps, {seconds[True] / seconds[False]:.2f} of the time"
    )
    print(f"{different} of {options.prompts} answers differ")


if __name__ == "__main__":
    main()
