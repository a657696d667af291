"""The streams of a round: seeded, of different lengths, the same amount of work for every seed."""

import pytest

from spark_engine.bench.workload import ORDINARY, together, workload


def test_one_stream_is_just_what_was_asked_for() -> None:
    (only,) = workload(1, 64, 1.0, seed=3)
    assert (len(only.prompt), only.tokens, only.arrives_s) == (24, 64, 0.0)
    assert len(workload(1, 64, 1.0, seed=3, prompt=256)[0].prompt) == 256


@pytest.mark.parametrize("streams", [2, 8, 16])
def test_many_streams_differ_and_arrive_at_random(streams: int) -> None:
    made = workload(streams, 64, 1.0, seed=1)
    assert len(made) == streams
    assert min(s.arrives_s for s in made) == 0.0
    assert max(s.arrives_s for s in made) <= 1.0
    assert [s.arrives_s for s in made] == sorted(s.arrives_s for s in made)
    assert {len(s.prompt) for s in made} <= set(range(8, 41))
    assert sum(len(s.prompt) for s in made) == pytest.approx(24 * streams, rel=0.05)
    assert len({s.tokens for s in made}) == streams
    assert sum(s.tokens for s in made) == pytest.approx(64 * streams, rel=0.01)
    assert all(token in ORDINARY for s in made for token in s.prompt)


def test_the_seed_decides_everything_but_the_amount_of_work() -> None:
    first, again, other = (
        workload(8, 64, 1.0, seed=1),
        workload(8, 64, 1.0, seed=1),
        workload(8, 64, 1.0, seed=2),
    )
    assert first == again
    assert first != other
    assert sorted(len(s.prompt) for s in first) == sorted(len(s.prompt) for s in other)
    assert sorted(s.tokens for s in first) == sorted(s.tokens for s in other)


def test_a_static_batch_gets_the_same_streams_at_once() -> None:
    made = workload(8, 64, 1.0, seed=1)
    batch = together(made)
    assert [s.arrives_s for s in batch] == [0.0] * 8
    assert [(s.prompt, s.tokens) for s in batch] == [(s.prompt, s.tokens) for s in made]


def test_no_answer_is_too_short_to_have_a_speed() -> None:
    assert all(s.tokens >= 2 for s in workload(16, 2, 0.0, seed=1))
