"""Numbers are said with units people know; text from outside cannot steer the terminal."""

import pytest

from spark_engine.cli.words import counted, printable, seconds, size, speed


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (6_100_000, "6.1 MB"),
        (4_930_000_000, "4.9 GB"),
        (25e9, "25 GB"),
        (2e12, "2.0 TB"),
    ],
)
def test_sizes(count: float, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0.18, "180 ms"),
        (0.9999, "1.0 s"),
        (1.44, "1.4 s"),
        (42, "42 s"),
        (360, "6 min"),
        (7500, "2 h 5 min"),
        (3 * 86400, "3 days"),
    ],
)
def test_spans(count: float, words: str) -> None:
    assert seconds(count) == words


def test_speeds_and_counts() -> None:
    assert [speed(8.42), speed(194.4)] == ["8.4 tok/s", "194 tok/s"]
    assert [counted(1, "token"), counted(4096, "token")] == ["1 token", "4,096 tokens"]


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b[31mb\x07\r\n\tc\x9b") == "a[31mb\n\tc"
    assert printable("Grüße, 世界 🙂") == "Grüße, 世界 🙂"
