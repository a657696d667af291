"""What a race's results say: medians over the rounds, shares of the memory bandwidth, ratios round by round."""

from collections.abc import Callable
from statistics import median

from spark_engine.bench.field import FIELD
from spark_engine.bench.figures import Run, bandwidth_share, ratio, spread
from spark_engine.bench.files import Target
from spark_engine.bench.race import Results
from spark_engine.types.bench import SPARK, Group, Measured

Key = tuple[str, int]
_TITLES = {entry.id: entry.title for entry in FIELD}
_PLACES = {entry.id: place for place, entry in enumerate(FIELD)}


def group(target: Target, weight_bytes: int, results: Results, bandwidth: float) -> Group:
    """One file's results, by streams and then in the order of the field."""
    keys = sorted(results.runs, key=lambda key: (key[1], _PLACES[key[0]]))
    speeds = {key: median(run.tokens_per_second for run in results.runs[key]) for key in keys}
    measured = tuple(
        Measured(
            contestant=id,
            title=_TITLES[id],
            streams=streams,
            tokens_per_second=spread(run.tokens_per_second for run in results.runs[id, streams]),
            total_per_second=spread(run.total_per_second for run in results.runs[id, streams]),
            first_token_ms=spread(run.first_token_ms for run in results.runs[id, streams]),
            gap_ms=spread(run.gap_ms for run in results.runs[id, streams]),
            worst_gap_ms=spread(run.worst_gap_ms for run in results.runs[id, streams]),
            memory_bytes=results.memory[id, streams],
            bandwidth_share=_share(target, (id, streams), speeds, weight_bytes, bandwidth),
            vs_spark=_times(_speed if streams == 1 else _total, results, (id, streams), (SPARK, streams)),
            vs_one=_times(_total, results, (id, streams), (id, 1)),
        )
        for id, streams in keys
    )
    return Group(target.id, target.title, weight_bytes, results.arrival_s, measured, tuple(results.absent))


def _times(figure: Callable[[Run], float], results: Results, key: Key, other: Key) -> float | None:
    """How many times as fast as another: the median of each round's ratio, as machines change their speed from minute
    to minute. None when that one was not measured."""
    pairs = zip(results.runs.get(key, []), results.runs.get(other, []), strict=False)
    found = [times for mine, its in pairs if (times := ratio(figure(mine), figure(its))) is not None]
    return median(found) if found else None


def _speed(run: Run) -> float:
    return run.tokens_per_second


def _total(run: Run) -> float:
    return run.total_per_second


def _share(
    target: Target, key: Key, speeds: dict[Key, float], weight_bytes: int, bandwidth: float
) -> float | None:
    """Of one stream only: several share what is read. transformers beside a file has weights of its own."""
    id, streams = key
    if streams > 1 or (target.shape and id == "transformers"):
        return None
    return bandwidth_share(speeds[key], weight_bytes, bandwidth)
