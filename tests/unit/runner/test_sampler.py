"""Each sampling option does what it says, on real arrays."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spark_engine.errors import SparkError
from spark_engine.runner.logprobs import token_logprob
from spark_engine.runner.sampler import Sampler
from spark_engine.runner.selection import choose, most_likely, nucleus
from spark_engine.types.generation import SamplingOptions, StopRules

EOS = frozenset({0})
Floats = NDArray[np.float32]


def logits_of(*probabilities: float) -> Floats:
    return np.log(np.array(probabilities, np.float32))


def sampler(prompt: tuple[int, ...] = (), stop: StopRules | None = None, **options: Any) -> Sampler:
    return Sampler(SamplingOptions(**options), stop or StopRules(), prompt=list(prompt), eos=EOS)


def shares(logits: Floats, draws: int = 4000, **options: Any) -> list[float]:
    """How often each token was drawn."""
    one = sampler(seed=1, **options)
    counts = Counter(one.sample(logits) for _ in range(draws))
    return [counts[token] / draws for token in range(len(logits))]


def test_zero_temperature_takes_the_likeliest_and_leaves_the_logits_alone() -> None:
    logits = logits_of(0.1, 0.2, 0.6, 0.1)
    before = logits.copy()
    assert {sampler(temperature=0).sample(logits) for _ in range(20)} == {2}
    np.testing.assert_array_equal(logits, before)


def test_draws_follow_the_distribution() -> None:
    assert shares(logits_of(0.1, 0.2, 0.6, 0.1)) == pytest.approx([0.1, 0.2, 0.6, 0.1], abs=0.03)


def test_temperature_flattens_and_sharpens() -> None:
    logits = logits_of(0.2, 0.8)
    odds = (0.8 / 0.2) ** 0.5
    assert shares(logits, temperature=2.0)[1] == pytest.approx(odds / (1 + odds), abs=0.03)
    assert shares(logits, temperature=0.1)[1] > 0.99


def test_a_temperature_next_to_zero_is_no_trouble() -> None:
    logits = np.array([-80.0, 90.0, 89.0], np.float32)
    assert shares(logits, 50, temperature=2e-5) == [0.0, 1.0, 0.0]


def test_top_k_keeps_the_likeliest() -> None:
    drawn = shares(logits_of(0.1, 0.2, 0.4, 0.3), top_k=2)
    assert drawn == pytest.approx([0, 0, 4 / 7, 3 / 7], abs=0.03)


def test_top_k_larger_than_the_vocabulary_changes_nothing() -> None:
    assert shares(logits_of(0.5, 0.5), top_k=1000) == pytest.approx([0.5, 0.5], abs=0.03)


def test_top_p_keeps_the_fewest_that_reach_the_share() -> None:
    drawn = shares(logits_of(0.1, 0.2, 0.4, 0.3), top_p=0.65)
    assert drawn == pytest.approx([0, 0, 4 / 7, 3 / 7], abs=0.03)
    assert shares(logits_of(0.1, 0.2, 0.4, 0.3), 100, top_p=0.01) == [0, 0, 1, 0]


def test_min_p_is_relative_to_the_likeliest() -> None:
    drawn = shares(logits_of(0.1, 0.19, 0.41, 0.3), min_p=0.5)
    assert drawn == pytest.approx([0, 0, 41 / 71, 30 / 71], abs=0.03)
    assert shares(logits_of(0.1, 0.5, 0.4), 50, min_p=1.0) == [0, 1, 0]


def test_filters_work_together() -> None:
    drawn = shares(logits_of(0.05, 0.1, 0.2, 0.3, 0.35), top_k=4, top_p=0.9, min_p=0.4)
    assert drawn[:2] == [0, 0]
    assert drawn[2:] == pytest.approx([20 / 85, 30 / 85, 35 / 85], abs=0.03)


def test_logit_bias_forbids_and_favours() -> None:
    logits = logits_of(0.1, 0.2, 0.7)
    assert sampler(temperature=0, logit_bias={2: -100.0}).sample(logits) == 1
    assert sampler(temperature=0, logit_bias={0: 100.0}).sample(logits) == 0


def test_repetition_penalty_counts_prompt_and_answer() -> None:
    logits = np.array([1.0, 2.0, 1.9, -1.0], np.float32)
    assert sampler(prompt=(1,), temperature=0, repetition_penalty=1.5).sample(logits) == 2
    one = sampler(temperature=0, repetition_penalty=1.5)
    assert [one.sample(logits) for _ in range(2)] == [1, 2]
    negative = np.array([-1.0, -1.1], np.float32)
    assert sampler(prompt=(0,), temperature=0, repetition_penalty=1.2).sample(negative) == 1


def test_presence_and_frequency_penalties_count_the_answer_only() -> None:
    logits = np.array([0.0, 2.0, 1.0], np.float32)
    assert sampler(prompt=(1, 1, 1), temperature=0, presence_penalty=1.5).sample(logits) == 1
    present = sampler(temperature=0, presence_penalty=1.5)
    assert [present.sample(logits) for _ in range(4)] == [1, 2, 1, 1]
    frequent = sampler(temperature=0, frequency_penalty=0.6)
    assert [frequent.sample(logits) for _ in range(5)] == [1, 1, 2, 1, 2]


def test_the_end_is_suppressed_as_long_as_asked() -> None:
    logits = logits_of(0.9, 0.1)
    assert sampler(temperature=0).sample(logits) == 0
    later = sampler(stop=StopRules(min_tokens=2), temperature=0)
    assert [later.sample(logits) for _ in range(4)] == [1, 1, 0, 0]
    never = sampler(stop=StopRules(ignore_eos=True), temperature=0)
    assert {never.sample(logits) for _ in range(50)} == {1}


def test_the_same_seed_gives_the_same_tokens_whatever_runs_beside() -> None:
    logits = np.random.default_rng(5).normal(size=200).astype(np.float32)
    first = sampler(seed=42)
    alone = [first.sample(logits) for _ in range(50)]
    again, other = sampler(seed=42), sampler(seed=7)
    mixed = []
    for _ in range(50):
        other.sample(logits)
        mixed.append(again.sample(logits))
    assert mixed == alone
    assert [sampler(seed=43).sample(logits) for _ in range(50)] != alone


class Only:
    """A constraint that allows the same tokens for ever."""

    is_complete = False

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.mask = mask
        self.accepted: list[int] = []

    def allowed(self, size: int) -> NDArray[np.bool_]:
        return self.mask[:size]

    def accept(self, token: int) -> None:
        self.accepted.append(token)


@given(
    st.integers(0, 10**6),
    st.integers(1, 9000),
    st.sampled_from(
        [{"temperature": 0}, {}, {"top_k": 5}, {"top_p": 0.5}, {"min_p": 0.2, "temperature": 1.7}]
    ),
)
def test_a_mask_is_as_if_the_other_tokens_were_impossible(
    seed: int, count: int, options: dict[str, Any]
) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(size=9000).astype(np.float32) * 3
    mask = np.zeros(9000, np.bool_)
    mask[random.permutation(9000)[:count]] = True
    before, constraint = logits.copy(), Only(mask)
    one = Sampler(
        SamplingOptions(seed=seed, **options), StopRules(), prompt=[], eos=EOS, constraint=constraint
    )
    drawn = [one.sample(logits) for _ in range(4)]
    other = sampler(seed=seed, **options)
    assert drawn == [other.sample(np.where(mask, logits, np.float32(-np.inf))) for _ in range(4)]
    assert mask[drawn].all()
    assert constraint.accepted == drawn
    np.testing.assert_array_equal(logits, before)


def test_a_mask_of_only_the_end_is_stronger_than_its_suppression() -> None:
    mask = np.array([True, False, False])
    rules = StopRules(min_tokens=5, ignore_eos=True)
    one = Sampler(SamplingOptions(), rules, prompt=[], eos=EOS, constraint=Only(mask))
    assert one.sample(logits_of(0.1, 0.5, 0.4)) == 0
    free = Sampler(
        SamplingOptions(), rules, prompt=[], eos=EOS, constraint=Only(np.array([True, True, False]))
    )
    assert {free.sample(logits_of(0.9, 0.05, 0.05)) for _ in range(20)} == {1}


def test_every_seed_that_a_request_may_have_is_taken() -> None:
    logits = np.random.default_rng(5).normal(size=200).astype(np.float32)
    tokens = {
        seed: [sampler(seed=seed).sample(logits) for _ in range(2)] for seed in (-(2**63), -1, 0, 2**63 - 1)
    }
    assert all(first == second for first, second in tokens.values())
    one, other = sampler(seed=-1), sampler(seed=1)
    assert [one.sample(logits) for _ in range(30)] != [other.sample(logits) for _ in range(30)]


def test_without_a_seed_two_sequences_differ() -> None:
    logits = np.zeros(5000, np.float32)
    one, two = sampler(), sampler()
    assert [one.sample(logits) for _ in range(8)] != [two.sample(logits) for _ in range(8)]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_no_numbers_are_refused(bad: float, temperature: float) -> None:
    logits = np.array([0.0, 1.0, bad, 2.0], np.float32)
    with pytest.raises(SparkError) as caught:
        sampler(temperature=temperature).sample(logits)
    assert caught.value.code == "bad_logits"


def test_logits_that_allow_nothing_are_refused() -> None:
    with pytest.raises(SparkError):
        sampler().sample(np.full(5, -np.inf, np.float32))


def test_impossible_tokens_are_never_drawn() -> None:
    logits = np.array([-np.inf, 1.0, -np.inf, 1.0], np.float32)
    assert shares(logits, 500) == pytest.approx([0, 0.5, 0, 0.5], abs=0.08)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 99))
def test_most_likely_is_what_sorting_gives(size: int, count: int, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    wanted = min(count, size)
    expected = set(np.argsort(-logits, kind="stable")[:wanted].tolist())
    assert set(most_likely(logits, wanted).tolist()) == expected


@given(
    st.sampled_from([16_384, 16_500, 50_016]),
    st.integers(1, 120),
    st.sampled_from([0.0, 0.5]),
    st.booleans(),
    st.integers(0, 9),
)
def test_most_likely_of_a_large_vocabulary_is_found_by_groups(
    size: int, count: int, impossible: float, ties: bool, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=size).astype(np.float32)
    logits = np.round(4 * logits) if ties else logits
    logits[draw.random(size) < impossible] = -np.inf
    expected = np.flatnonzero(logits >= np.sort(logits)[-count])
    assert np.array_equal(most_likely(logits, count), expected)


@given(st.integers(1, 400), st.floats(0.001, 0.999), st.floats(0.1, 12.0), st.integers(0, 99))
def test_a_nucleus_is_what_sorting_gives(size: int, share: float, spread: float, seed: int) -> None:
    weights = np.exp(np.random.default_rng(seed).normal(size=size) * spread).astype(np.float32)
    got = nucleus(weights, share)
    ordered = np.sort(weights)[::-1].astype(np.float64)
    total = ordered.sum()
    kept = weights[got].astype(np.float64)
    assert kept.sum() >= share * total * (1 - 1e-6)
    assert kept.sum() - kept.min() < share * total * (1 + 1e-6)
    np.testing.assert_array_equal(np.sort(kept)[::-1], ordered[: len(kept)])


@given(st.integers(1, 3000), st.floats(0, 1, exclude_max=True), st.integers(0, 99))
def test_a_draw_is_where_the_running_sum_passes(size: int, uniform: float, seed: int) -> None:
    logits = (np.random.default_rng(seed).normal(size=size) * 4).astype(np.float32)
    logits[seed % size] = -np.inf if size > 1 else 0.0
    peak = float(logits.max())
    sums = np.cumsum(np.exp(logits - np.float32(peak)), dtype=np.float64)
    token = choose(logits, peak, SamplingOptions(), uniform)
    goal = uniform * sums[-1]
    assert np.isfinite(logits[token])
    assert (sums[token - 1] if token else 0.0) <= goal * (1 + 1e-9) + 1e-12
    assert goal <= sums[token] * (1 + 1e-9)


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 50), st.integers(0, 60), st.floats(0.01, 1.0))
def test_any_draw_gives_a_token(uniform: float, size: int, top_k: int, top_p: float) -> None:
    logits = np.random.default_rng(size).normal(size=size).astype(np.float32)
    options = SamplingOptions(top_k=top_k, top_p=top_p, min_p=0.01)
    assert 0 <= choose(logits, float(logits.max()), options, uniform) < size


def test_log_probabilities_are_of_the_model_itself() -> None:
    logits = logits_of(0.1, 0.2, 0.7) + np.float32(3.0)
    told = token_logprob(logits, 1, 2, lambda token: b"\xff" if token == 1 else bytes((65 + token,)))
    assert told.logprob == pytest.approx(math.log(0.2), abs=1e-5)
    assert (told.text, [entry.token for entry in told.top]) == ("\ufffd", [2, 1])
    assert [entry.logprob for entry in told.top] == pytest.approx([math.log(0.7), math.log(0.2)], abs=1e-5)
    assert token_logprob(logits, 0, 0, lambda token: b"").top == ()
    assert len(token_logprob(logits, 0, 50, lambda token: b"").top) == 3
