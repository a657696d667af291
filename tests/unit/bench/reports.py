"""Reports to show and to compare, made by hand."""

from spark_engine.types.bench import (
    Absent,
    Group,
    Machine,
    Measured,
    Overhead,
    SpeedPlan,
    SpeedReport,
    Spread,
)

MACHINE = Machine("A Processor", "Linux x86_64", 2, 16_000_000_000, 30e9, 0.1)


def flat(value: float) -> Spread:
    """A figure that was the same in every round."""
    return Spread(value, value, value)


def measured(contestant: str, streams: int, speed: float, *, gap_ms: float = 30.0) -> Measured:
    """One contestant's row."""
    return Measured(
        contestant,
        contestant.title(),
        streams,
        flat(speed),
        flat(0.9 * speed),
        flat(210.0),
        flat(gap_ms),
        flat(1400.0),
        1_300_000_000,
    )  # fmt: skip


def report(*rows: Measured, machine: Machine = MACHINE, tokens: int = 64) -> SpeedReport:
    """A report of one file."""
    group = Group(
        "quarter:onnx-int4",
        "ONNX int4",
        600_000_000,
        1.0,
        rows,
        (Absent("og-engine", "og.Engine", "not installed"),),
    )
    overhead = Overhead(1, "greedy", 200_064, flat(150.0), {"quarter:onnx-int4": 0.005})
    return SpeedReport(
        "1.0", "2026-11-21T12:00:00+00:00", SpeedPlan("", tokens=tokens), machine, (group,), (overhead,)
    )
