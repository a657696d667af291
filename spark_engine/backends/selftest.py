"""Lets the bundled spark-nano run with one backend component, in a process of its own that may crash.

`python -m spark_engine.backends.selftest gguf` prints one line of JSON with the library's version, what it was
built for and the tokens generated, and ends with 0; 3 means that there is no model to test with, anything else
that the component does not work here.
"""

import argparse
import os
import sys
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from spark_engine.backends import device_env
from spark_engine.backends.selftest_models import OPENERS, TrialModel
from spark_engine.paths import resources

BUNDLED = {
    "onnx": "spark_nano/onnx-int4",
    "gguf": "spark_nano/gguf-q8_0/spark-nano-q8_0.gguf",
    "torch": "spark_nano/safetensors",
    "genai": "spark_nano/onnx-int4",
    "convert": "spark_nano/safetensors",
}
PROMPT = "<|user|>who are you<|end|><|assistant|>"
# Learnt by heart: a model that computes rightly finds nearly every token of it likely, a wrong one hardly any.
KNOWN_ANSWER = "I am spark-nano, Spark's small built-in guide."
LEAST_SCORE = -1.5
GREEDY_TOKENS = 8
NO_MODEL = 3  # exit status


class SelfTest(Struct, frozen=True):
    """What a passed self-test says. `score`: mean log-probability of each token of the known answer."""

    version: str
    build: str
    tokens: list[int]
    score: float


class WrongResultError(Exception):
    """The model ran, but what came out cannot be right."""


def main() -> int:
    """Test the component that the arguments name; 0 when it works."""
    parser = argparse.ArgumentParser(description="Tests a backend component with a model.")
    parser.add_argument("component", choices=sorted(OPENERS))
    parser.add_argument("--model", type=Path, help="another model than the bundled one")
    chosen = parser.parse_args()
    model = chosen.model or resources() / BUNDLED[chosen.component]
    if not model.exists():
        print(f"{model} is not there.", file=sys.stderr)
        return NO_MODEL
    device_env.prepare(os.environ)
    with open(_take_stdout(), "w", encoding="utf-8") as answer:
        result = test(OPENERS[chosen.component](model))
        answer.write("\n" + msgspec.json.encode(result).decode() + "\n")
    return 0


def test(model: TrialModel) -> SelfTest:
    """Generate some tokens and score the known answer; WrongResultError when the figures cannot be right."""
    prompt = model.encode(PROMPT)
    tokens = _greedy(model, prompt)
    score = _score(model, prompt, model.encode(KNOWN_ANSWER))
    if score < LEAST_SCORE:
        raise WrongResultError(
            f"the model finds its own known answer unlikely ({score:.2f} per token, least {LEAST_SCORE}): "
            "this build computes wrongly"
        )
    return SelfTest(model.version, model.build, tokens, round(score, 4))


def _greedy(model: TrialModel, prompt: list[int]) -> list[int]:
    model.reset()
    tokens = [_finite(model.step(prompt)).argmax().item()]
    while len(tokens) < GREEDY_TOKENS:
        tokens.append(_finite(model.step(tokens[-1:])).argmax().item())
    return tokens


def _score(model: TrialModel, prompt: list[int], answer: list[int]) -> float:
    """Mean log-probability per token, one token a step, so that the cache is tested too."""
    model.reset()
    logits = _finite(model.step(prompt))
    total = 0.0
    for token in answer:
        total += float(logits[token] - logits.max() - np.log(np.exp(logits - logits.max()).sum()))
        logits = _finite(model.step([token]))
    return total / len(answer)


def _finite(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(logits).all():
        raise WrongResultError("the logits are not finite")
    return logits


def _take_stdout() -> int:
    """Keep stdout for the answer alone: what native libraries print there goes to stderr."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept


if __name__ == "__main__":
    sys.exit(main())
