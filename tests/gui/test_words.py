"""Numbers as people say them."""

import pytest

from app.words import counted, duration, parameters, plain, tokens
from spark_engine.types.quantities import size, speed


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (52_000_000, "52 MB"),
        (4_930_000_000, "4.9 GB"),
        (9_960_000_000, "10 GB"),
    ],
)
def test_size(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("ms", "words"), [(85.2, "85 ms"), (1400, "1.4 s"), (125_000, "2 min 5 s"), (59_990, "60.0 s")]
)
def test_duration(ms: float, words: str) -> None:
    assert duration(ms) == words


def test_the_rest() -> None:
    assert (speed(8.41), speed(120.4)) == ("8.4 tok/s", "120 tok/s")
    assert (parameters(3_836_021_760), parameters(5_000_000), parameters(1)) == (
        "3.8 billion parameters", "5 million parameters", "",
    )  # fmt: skip
    assert (tokens(131072), tokens(512)) == ("128k tokens", "512 tokens")
    assert (counted(1, "request", "requests"), counted(2, "request", "requests")) == (
        "1 request",
        "2 requests",
    )
    assert plain("Run `spark doctor` now.") == "Run “spark doctor” now."
