"""Figures from timelines: pure arithmetic over when tokens came."""

import statistics
from collections.abc import Iterable, Sequence

from msgspec import Struct

from spark_engine.types.bench import Spread


class Timeline(Struct, frozen=True):
    """One stream: when it arrived, when something of its answer came (seconds, one clock), and how many tokens came.

    `began`: when its first token was made, where that is known otherwise, because several tokens came in one piece.
    """

    arrived: float
    times: tuple[float, ...]
    tokens: int
    began: float | None = None

    @property
    def first(self) -> float:
        """When its first token was there."""
        return self.times[0] if self.began is None else min(self.began, self.times[0])


class Run(Struct, frozen=True):
    """The figures of one run of streams; what they mean says `types.bench.Measured`."""

    tokens_per_second: float
    total_per_second: float
    first_token_ms: float
    gap_ms: float
    worst_gap_ms: float


def run_figures(timelines: Sequence[Timeline]) -> Run:
    """The figures of one run. ValueError when an answer is missing, or all came at the same time."""
    if not timelines or any(not t.times for t in timelines):
        raise ValueError("an answer did not come")
    tokens = sum(t.tokens for t in timelines)
    first, last = min(t.first for t in timelines), max(t.times[-1] for t in timelines)
    if last <= first:
        raise ValueError("every answer came at once; ask for more tokens")
    gaps = [gap for t in timelines for gap in _gaps(t.times)] or [0.0]
    return Run(
        tokens_per_second=(tokens - 1) / (last - first),
        total_per_second=tokens / (last - min(t.arrived for t in timelines)),
        first_token_ms=1000 * statistics.median(t.times[0] - t.arrived for t in timelines),
        gap_ms=1000 * statistics.median(gaps),
        worst_gap_ms=1000 * max(gaps),
    )


def spread(values: Iterable[float]) -> Spread:
    """Median, least and most of a figure over the rounds."""
    found = list(values)
    return Spread(statistics.median(found), min(found), max(found))


def ratio(value: float, of: float) -> float | None:
    """How many times `of` a value is; None when there is nothing to compare with."""
    return value / of if of > 0 else None


def bandwidth_share(tokens_per_second: float, weight_bytes: int, bandwidth: float) -> float | None:
    """The share of the memory bandwidth that one stream needs, as each of its tokens reads all weights once."""
    return ratio(tokens_per_second * weight_bytes, bandwidth) if weight_bytes else None


def _gaps(times: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
