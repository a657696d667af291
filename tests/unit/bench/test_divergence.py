"""Agreement of two predictions: top-1 and Kullback-Leibler divergence, against plain formulas."""

import math

import numpy as np
import pytest

from spark_engine.bench.divergence import agreement, compare, kl_divergence

RNG = np.random.default_rng(0)


def test_a_prediction_agrees_with_itself_whatever_its_offset() -> None:
    logits = RNG.normal(0, 5, (7, 50)).astype(np.float32)
    compared = compare(logits, logits + np.float32(3))
    assert compared.same.all()
    assert compared.apart.max() < 1e-5


def test_the_divergence_of_known_distributions() -> None:
    p, q = np.array([[0.5, 0.25, 0.25]]), np.array([[0.25, 0.5, 0.25]])
    expected = 0.5 * math.log(2) + 0.25 * math.log(0.5)
    found = kl_divergence(np.log(p).astype(np.float32), np.log(q).astype(np.float32))
    assert found == pytest.approx([expected], abs=1e-6)


def test_it_is_not_symmetric_and_the_reference_comes_first() -> None:
    p, q = np.log([[0.98, 0.01, 0.01]]).astype(np.float32), np.log([[0.4, 0.3, 0.3]]).astype(np.float32)
    assert kl_divergence(p, q)[0] == pytest.approx(
        0.98 * math.log(0.98 / 0.4) + 0.02 * math.log(0.01 / 0.3), abs=1e-5
    )
    assert abs(kl_divergence(p, q)[0] - kl_divergence(q, p)[0]) > 0.1


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    assert np.isfinite(kl_divergence(logits, -logits)).all()


def test_padding_of_one_file_is_left_out() -> None:
    logits = RNG.normal(0, 1, (3, 10)).astype(np.float32)
    padded = np.concatenate([logits, np.full((3, 6), 50, np.float32)], axis=1)
    compared = compare(logits, padded)
    assert compared.same.all()
    assert compared.apart.max() < 1e-5


def test_figures_over_all_prompts() -> None:
    a = np.array([[2, 1, 0], [0, 2, 1]], np.float32)
    b = np.array([[1, 2, 0], [0, 2, 1]], np.float32)
    found = agreement("m:v", [compare(a, b), compare(a[:1], a[:1])])
    assert (found.variant, found.positions) == ("m:v", 3)
    assert found.top1 == pytest.approx(2 / 3)
    assert found.worst_kl == pytest.approx(3 * found.kl)


def test_different_positions_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="positions"):
        compare(np.zeros((2, 4), np.float32), np.zeros((3, 4), np.float32))
