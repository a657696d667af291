"""Texts are cut into pieces of two tokens at least, unless there is only one."""

from hypothesis import given
from hypothesis import strategies as st

from spark_engine.backends.cutting import BLOCK, FEWEST, cuts, next_piece


@given(st.integers(1, 3000), st.integers(1, 600))
def test_no_piece_is_one_token(total: int, most: int) -> None:
    pieces = list(cuts(total, most))
    tokens = list(range(total))
    assert [token for cut in pieces for token in tokens[cut]] == tokens
    lengths = [cut.stop - cut.start for cut in pieces]
    assert total == 1 or min(lengths) >= FEWEST
    assert max(lengths) <= max(most, 3)
    assert not any(length > BLOCK and length % BLOCK == 1 for length in lengths)


def test_the_last_two_stay_together() -> None:
    assert next_piece(513, 512) == 511
    assert next_piece(3, 2) == 3
