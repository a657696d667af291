"""How long a stream stands still while a request with a grammar arrives at the same runner.

    python -m tests.bench.grammar_stall MODEL [--format onnx]

MODEL is a folder or file; a vocabulary as large as Phi-4-mini's shows most. The first grammar comes soon after loading.
"""

import argparse
import json
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from spark_engine.protocol.messages import (
    LoadPlan,
    SequenceDelta,
    SequenceFailed,
    SequenceFinished,
    SequenceStarted,
    Submit,
)
from spark_engine.types.chat import TextPrompt
from spark_engine.types.generation import (
    GenerationRequest,
    Grammar,
    JsonSchemaGrammar,
    SamplingOptions,
    StopRules,
)
from tests.support.runner_process import RunnerProcess, runner_process

BEFORE = 40
"""Tokens of the stream before the other request is sent."""


def record(number: int) -> dict[str, Any]:
    """A schema of four fields, a little different for each number."""
    fields = {
        "name": {"type": "string", "maxLength": 60},
        "kind": {"enum": ["a", "b", f"c{number}"]},
        "count": {"type": "integer", "minimum": number, "maximum": number * 977 + 5},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{2,12}$"}},
    }
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def schema(properties: dict[str, Any]) -> Grammar:
    """An object with these properties."""
    return JsonSchemaGrammar(json.dumps({"type": "object", "properties": properties}))


def grammars() -> dict[str, Grammar | None]:
    """What is asked for, in this order."""
    large = {f"record_{number}": record(number) for number in range(150)}
    return {
        "the first, small": schema({"one": record(1)}),
        "small": schema({"two": record(2)}),
        "150 records": schema(large),
        "150 records again": schema(large),
        "4000 properties": schema({f"property_{number}": {} for number in range(4000)}),
        "none": None,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--format", default="onnx")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, runner_process(Path(folder)) as runner:
        print(runner.load(LoadPlan("bench:model", given.format, str(Path(given.model).resolve()))))
        print(
            f"{'milliseconds':20}{'usual gap':>12}{'worst before':>14}{'worst meanwhile':>17}{'started':>10}"
        )
        for name, grammar in grammars().items():
            print(f"{name:20}" + measured(runner, name, grammar), flush=True)


def measured(runner: RunnerProcess, name: str, grammar: Grammar | None) -> str:
    """One line of figures: gaps between tokens of a stream, and when the other request was taken or refused."""
    stream, other = f"stream beside {name}", name
    runner.send(Submit(_request(stream, 3000, None)))
    times: list[float] = []
    sent = answered = 0.0
    for event in runner.events():
        now = perf_counter()
        if event.id == stream and isinstance(event, SequenceDelta):
            times.append(now)
            if len(times) == BEFORE:
                runner.send(Submit(_request(other, 8, grammar)))
                sent = now
        if event.id == other and isinstance(event, (SequenceStarted, SequenceFailed)):
            answered = answered or now
        if event.id == other and isinstance(event, (SequenceFinished, SequenceFailed)):
            runner.cancel(stream)
        if event.id == stream and isinstance(event, SequenceFinished):
            break
    gaps = [(later - earlier) * 1000 for earlier, later in zip(times, times[1:], strict=False)]
    before = sorted(gaps[: BEFORE - 1])
    meanwhile = [gap for gap, began in zip(gaps, times, strict=False) if sent <= began <= answered]
    figures = (before[len(before) // 2], before[-1], max(meanwhile, default=0.0), (answered - sent) * 1000)
    return "{:12.1f}{:14.1f}{:17.1f}{:10.1f}".format(*figures)


def _request(id: str, tokens: int, grammar: Grammar | None) -> GenerationRequest:
    rules = StopRules(max_tokens=tokens, ignore_eos=grammar is None)
    sampling = SamplingOptions(temperature=0.7, seed=1)
    return GenerationRequest(id, "m", TextPrompt("Tell me a story."), sampling, rules, grammar=grammar)


if __name__ == "__main__":
    main()
