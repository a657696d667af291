"""The self-test's verdict: figures that cannot be right do not pass."""

import numpy as np
import pytest
from numpy.typing import NDArray

from spark_engine.backends import selftest
from spark_engine.backends.selftest import GREEDY_TOKENS, KNOWN_ANSWER, WrongResultError

VOCABULARY = 64


class ArithmeticModel:
    """Expects after each token the next number, as surely as `sureness` says; its text's tokens count upwards."""

    version, build = "1.0", "arithmetic"

    def __init__(self, sureness: float) -> None:
        self._sureness = sureness
        self.taken: list[int] = []

    def encode(self, text: str) -> list[int]:
        return [1, 2, 3] if text != KNOWN_ANSWER else [4, 5, 6, 7]

    def reset(self) -> None:
        self.taken = []

    def step(self, tokens: list[int]) -> NDArray[np.float64]:
        self.taken += tokens
        logits = np.zeros(VOCABULARY)
        logits[(self.taken[-1] + 1) % VOCABULARY] = self._sureness
        return logits


def test_a_model_that_knows_its_answer_passes():
    result = selftest.test(ArithmeticModel(20.0))
    assert result.tokens == list(range(4, 4 + GREEDY_TOKENS))
    assert result.score == pytest.approx(0.0, abs=1e-3)


def test_a_model_that_does_not_know_it_fails():
    with pytest.raises(WrongResultError, match="computes wrongly"):
        selftest.test(ArithmeticModel(0.5))


def test_infinite_logits_fail():
    with pytest.raises(WrongResultError, match="not finite"):
        selftest.test(ArithmeticModel(np.inf))
