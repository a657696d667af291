"""The same float32 weights say the same in every format: greedy tokens and log-probabilities, as in transformers."""

from typing import NamedTuple

import pytest

from spark_engine.types.chat import TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules
from tests.parity.conftest import Say, Written
from tests.parity.reference import PROMPTS, TOKENS, Expected
from tests.support.decoders import Bench, Decoding, Told, load_model

TIE = 1e-4
CLOSE = 1e-3
ALTERNATIVES = 5

pytestmark = pytest.mark.component("torch")  # the reference


class Agreement(NamedTuple):
    """How an answer compares: tokens that are the same, whether it parts at a tie, the largest difference."""

    same: int
    ties: int
    difference: float


FORMATS: list[tuple[Decoding, str]] = [
    ("onnx", "onnx"),
    ("genai", "onnx"),
    ("gguf", "gguf"),
    ("safetensors", "safetensors"),
    ("pytorch", "pytorch.bin"),
    ("pytorch", "pytorch.pt"),
]
NEEDED = {"genai": "genai", "onnx": "genai", "gguf": "gguf"}  # onnx: its builder


def _cases() -> list[object]:
    return [
        pytest.param(
            decoding,
            written,
            id=decoding if decoding == "genai" else written,
            marks=[pytest.mark.component(NEEDED[decoding])] if decoding in NEEDED else [],
        )
        for decoding, written in FORMATS
    ]


@pytest.mark.parametrize(("decoding", "written"), _cases())
def test_greedy_tokens_and_logprobs_are_those_of_transformers(
    decoding: Decoding, written: str, nano: Written, expected: list[Expected], say: Say
) -> None:
    model = load_model(decoding, path=nano(written), context=256)
    sampling, stop = SamplingOptions(temperature=0, logprobs=ALTERNATIVES), StopRules(TOKENS, ignore_eos=True)
    bench = Bench(model)
    bench.run(
        GenerationRequest(str(number), "m", TokensPrompt(tuple(answer.prompt)), sampling, stop)
        for number, answer in enumerate(expected)
    )
    model.decoder.close()
    told = [compared(bench.told[str(number)], answer) for number, answer in enumerate(expected)]
    same, ties = sum(one.same for one in told), sum(one.ties for one in told)
    difference = max(one.difference for one in told)
    counts = f"{same} tokens the same, {ties} of {PROMPTS} answers part at a tie"
    say(f"{decoding} ({written}): {counts}, log-probabilities within {difference:.1e}")
    assert difference < CLOSE
    assert ties <= PROMPTS // 10, "ties are rare; this many are not ties"


def compared(told: Told, expected: Expected) -> Agreement:
    """Up to where the answer parts at a tie; fails when it parts anywhere else."""
    difference = 0.0
    for place, (token, reference) in enumerate(zip(told.tokens, expected.tokens, strict=True)):
        row, said = expected.logprobs[place], told.logprobs[place]
        difference = max(difference, *(abs(float(row[one.token]) - one.logprob) for one in (said, *said.top)))
        if token != reference:
            gap = float(row[reference] - row[token])
            assert gap < TIE, f"token {place}: {token} instead of {reference}, {gap:.1e} apart"
            return Agreement(place, 1, difference)
    return Agreement(len(told.tokens), 0, difference)
