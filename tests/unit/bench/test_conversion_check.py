"""The figures of a converted model's agreement with its original."""

import numpy as np
import pytest

from spark_engine.bench.conversion_check import agreement
from spark_engine.bench.divergence import compare


def test_an_answer_is_the_same_when_each_of_its_tokens_is():
    logits = np.eye(5, dtype=np.float32) * 4
    other = logits.copy()
    other[3] = np.roll(other[3], 1)
    found = agreement([compare(logits, logits), compare(logits, other)])
    assert (found.tokens, found.canaries, found.canaries_same) == (10, 2, 1)
    assert found.same_best == pytest.approx(0.9)
    assert found.divergence > 0
