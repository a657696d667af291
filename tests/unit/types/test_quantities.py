"""Sizes, speeds and times are said with units people know, no more exact than they are known."""

import pytest

from spark_engine.types.quantities import size, speed, time_left


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (6_100_000, "6.1 MB"),
        (4_930_000_000, "4.9 GB"),
        (9_960_000_000, "10 GB"),
        (2e12, "2.0 TB"),
    ],
)
def test_sizes(count: float, words: str) -> None:
    assert size(count) == words


def test_speeds() -> None:
    assert [speed(8.42), speed(120.4)] == ["8.4 tok/s", "120 tok/s"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "a few seconds"),
        (42, "about 40 s"),
        (89, "about 90 s"),
        (100, "about 2 min"),
        (372, "about 6 min"),
        (7300, "about 2 h"),
    ],
)
def test_what_is_left(seconds: float, words: str) -> None:
    assert time_left(seconds) == words
