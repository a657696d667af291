"""Numbers are said with units people know; text from outside cannot steer the terminal."""

import pytest

from spark_engine.cli.words import counted, printable, seconds


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


def test_counts() -> None:
    assert [counted(1, "token"), counted(4096, "token")] == ["1 token", "4,096 tokens"]


def test_escape_sequences_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b[31mb\x07\r\n\tc\x9b") == "a[31mb\n\tc"
    assert printable("Grüße, 世界 🙂") == "Grüße, 世界 🙂"
