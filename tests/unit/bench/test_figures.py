"""Figures from timelines: rates, first tokens, gaps, medians, ratios."""

import pytest

from spark_engine.bench.figures import Timeline, bandwidth_share, ratio, run_figures, spread
from spark_engine.types.bench import Spread


def steady(arrived: float, first: float, step: float, tokens: int) -> Timeline:
    return Timeline(arrived, tuple(first + step * n for n in range(tokens)), tokens)


def test_one_stream_counts_the_tokens_after_the_first() -> None:
    run = run_figures([steady(0.0, 0.5, 0.1, 11)])
    assert run.tokens_per_second == pytest.approx(10.0)
    assert run.first_token_ms == pytest.approx(500.0)
    assert run.gap_ms == pytest.approx(100.0)
    assert run.worst_gap_ms == pytest.approx(100.0)


def test_streams_are_counted_together_from_the_first_token_to_the_last() -> None:
    run = run_figures([steady(0.0, 0.5, 0.1, 11), steady(0.4, 1.0, 0.1, 16)])
    assert run.tokens_per_second == pytest.approx((27 - 1) / (2.5 - 0.5))
    assert run.first_token_ms == pytest.approx(550.0)
    assert run.total_per_second == pytest.approx(27 / 2.5), "the total counts from the first arrival"


def test_the_worst_gap_is_that_of_any_stream() -> None:
    stalled = Timeline(0.0, (0.1, 0.2, 0.9, 1.0), 4)
    run = run_figures([steady(0.0, 0.1, 0.1, 10), stalled])
    assert run.worst_gap_ms == pytest.approx(700.0)
    assert run.gap_ms == pytest.approx(100.0)


def test_pieces_may_hold_several_tokens() -> None:
    run = run_figures([Timeline(0.0, (1.0, 2.0, 3.0), 21)])
    assert run.tokens_per_second == pytest.approx(10.0)


def test_a_stream_in_one_piece_counts_among_others() -> None:
    run = run_figures([steady(0.0, 0.0, 1.0, 11), Timeline(0.0, (5.0,), 10)])
    assert run.tokens_per_second == pytest.approx(2.0)


def test_tokens_that_came_together_are_counted_from_when_the_first_was_made() -> None:
    run = run_figures([Timeline(0.0, (3.0,), 21, began=1.0)])
    assert run.tokens_per_second == pytest.approx(10.0)
    assert run.first_token_ms == pytest.approx(3000.0), "when it was there for who asked"
    assert run.worst_gap_ms == 0.0
    assert run_figures([Timeline(0.0, (1.0, 3.0), 21, began=1.5)]).tokens_per_second == pytest.approx(10.0)


@pytest.mark.parametrize("lines", [[], [Timeline(0.0, (), 0)], [Timeline(0.0, (1.0,), 8)]])
def test_what_has_no_speed_is_refused(lines: list[Timeline]) -> None:
    with pytest.raises(ValueError, match=r"answer"):
        run_figures(lines)


def test_the_median_is_not_moved_by_one_bad_round() -> None:
    assert spread([10.0, 11.0, 1.0]) == Spread(10.0, 1.0, 11.0)


def test_ratios() -> None:
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(3.0, 0.0) is None
    assert bandwidth_share(30.0, 600_000_000, 36e9) == pytest.approx(0.5)
    assert bandwidth_share(30.0, 0, 36e9) is None
