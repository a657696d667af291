"""What a race's results say: medians over the rounds, shares of the memory bandwidth, ratios to Spark."""

from msgspec.structs import replace

from spark_engine.bench.field import FIELD
from spark_engine.bench.figures import bandwidth_share, ratio, spread
from spark_engine.bench.files import Target
from spark_engine.bench.race import Results
from spark_engine.types.bench import SPARK, Group, Measured

_TITLES = {entry.id: entry.title for entry in FIELD}
_PLACES = {entry.id: place for place, entry in enumerate(FIELD)}


def group(target: Target, weight_bytes: int, results: Results, bandwidth: float) -> Group:
    """One file's results, by streams and then in the order of the field."""
    keys = sorted(results.runs, key=lambda key: (key[1], _PLACES[key[0]]))
    measured = [_measured(key, results) for key in keys]
    by_key = {(m.contestant, m.streams): m.tokens_per_second.median for m in measured}
    finished = tuple(
        _compared(m, by_key.get((SPARK, m.streams)), weight_bytes if _reads_the_file(m) else 0, bandwidth)
        for m in measured
    )
    return Group(target.id, target.title, weight_bytes, results.arrival_s, finished, tuple(results.absent))


def _measured(key: tuple[str, int], results: Results) -> Measured:
    runs, (id, streams) = results.runs[key], key
    return Measured(
        contestant=id,
        title=_TITLES[id],
        streams=streams,
        tokens_per_second=spread(run.tokens_per_second for run in runs),
        first_token_ms=spread(run.first_token_ms for run in runs),
        gap_ms=spread(run.gap_ms for run in runs),
        worst_gap_ms=spread(run.worst_gap_ms for run in runs),
        memory_bytes=results.memory[key],
    )


def _compared(measured: Measured, sparks: float | None, weights: int, bandwidth: float) -> Measured:
    speed = measured.tokens_per_second.median
    share = bandwidth_share(speed, weights, bandwidth) if measured.streams == 1 else None
    return replace(measured, bandwidth_share=share, vs_spark=ratio(speed, sparks) if sparks else None)


def _reads_the_file(measured: Measured) -> bool:
    """transformers beside another format's file runs weights of its own."""
    return measured.contestant != "transformers"
