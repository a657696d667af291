"""A run beside an earlier one: how each figure has changed, and what makes the two hard to compare."""

from collections.abc import Iterator

from spark_engine.types.bench import Measured, SpeedReport

Key = tuple[str, str, int]


def changes(report: SpeedReport, saved: SpeedReport) -> dict[Key, float]:
    """Tokens per second now in units of those then, by file, contestant and streams."""
    before = dict(_speeds(saved))
    return {key: now / before[key] for key, now in _speeds(report) if before.get(key)}


def key_of(group: str, measured: Measured) -> Key:
    """Under which a figure is found."""
    return group, measured.contestant, measured.streams


def doubts(report: SpeedReport, saved: SpeedReport) -> list[str]:
    """What was different then besides Spark, each in a few words."""
    found = []
    if (saved.machine.processor, saved.machine.cores) != (report.machine.processor, report.machine.cores):
        found.append(f"another machine ({saved.machine.processor}, {saved.machine.cores} cores)")
    for name in ("tokens", "prompt", "rounds", "spread", "threads", "prompt_lookup"):
        then, now = getattr(saved.plan, name), getattr(report.plan, name)
        if then != now:
            found.append(f"{name} {then:g}, not {now:g}")
    if abs(saved.machine.bandwidth / report.machine.bandwidth - 1) > 0.15:
        found.append("memory of another speed")
    return found


def _speeds(report: SpeedReport) -> Iterator[tuple[Key, float]]:
    for group in report.groups:
        for measured in group.measured:
            yield key_of(group.id, measured), measured.speed.median
