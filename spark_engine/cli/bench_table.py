"""The tables of `spark bench`."""

from collections.abc import Callable, Mapping
from itertools import groupby

from rich.table import Table
from rich.text import Text

from spark_engine.cli.bench_compare import Key, changes, doubts, key_of
from spark_engine.cli.terminal import Terminal, marked, table
from spark_engine.cli.words import counted, printable
from spark_engine.types.bench import SPARK, AgreementReport, Group, Measured, Overhead, SpeedReport
from spark_engine.types.quantities import size

NOTHING = "–"


def show_speed(terminal: Terminal, report: SpeedReport, saved: SpeedReport | None = None) -> None:
    """Everything a speed run measured, file by file; with changes since a saved run."""
    then = changes(report, saved) if saved else None
    terminal.say(machine_line(report), style="dim")
    for group in report.groups:
        terminal.say()
        terminal.say(Text(printable(group.title), "bold"))
        if group.measured:
            terminal.say(speed_table(group, then))
            for line in together_line(group):
                terminal.say(line, style="dim")
        for absent in group.absent:
            terminal.say(marked("warn", f"{absent.title}: {absent.reason}", "dim"))
    if report.overheads:
        terminal.say()
        terminal.say(overhead_title(report), style="bold")
        terminal.say(overhead_table(report))
    if saved:
        _show_comparison(terminal, report, saved)


def show_agreement(terminal: Terminal, report: AgreementReport) -> None:
    """How far each variant predicts what the reference does."""
    terminal.say(Text(f"Compared with {printable(report.reference)}", "bold"))
    rows = table("Variant", "Same token", "KL mean", "KL worst", "Positions", right=("Same token", "KL mean"))
    for name in ("KL worst", "Positions"):
        next(c for c in rows.columns if c.header == name).justify = "right"
    for one in report.variants:
        rows.add_row(
            one.variant, f"{one.top1:.2%}", f"{one.kl:.2e}", f"{one.worst_kl:.2e}", f"{one.positions:,}"
        )
    terminal.say(rows)
    for absent in report.absent:
        terminal.say(marked("warn", f"{absent.title}: {absent.reason}", "dim"))
    terminal.note(
        f"The reference's own greedy answers to {report.prompts} prompts, read token by token; KL in nats."
    )


def machine_line(report: SpeedReport) -> str:
    """Where and how it was measured, in one line."""
    machine, plan = report.machine, report.plan
    parts = [
        printable(machine.processor),
        counted(machine.cores, "core"),
        f"{size(machine.bandwidth)}/s",
        f"medians of {counted(plan.rounds, 'round')}",
        f"{counted(plan.tokens, 'token')} after {plan.prompt}",
    ]
    if machine.load is not None and machine.load > 0.5 * machine.cores:
        parts.append(f"the machine was busy (load {machine.load:.1f})")
    return " · ".join(parts)


def speed_table(group: Group, then: Mapping[Key, float] | None = None) -> Table:
    """A row for each contestant, in sections by the number of streams. `then`: changes since an earlier run."""
    saved = [] if then is None else [("× saved", _since(group.id, then))]
    columns = [*_COLUMNS[:2], *saved, *_COLUMNS[2:], *([] if saved else [("mem bw", _bandwidth)])]
    names = tuple(name for name, _ in columns)
    rows = table("", *names, right=names)
    for streams, measured in groupby(group.measured, key=lambda m: m.streams):
        if rows.row_count:
            rows.add_row()
        rows.add_row(Text(streams_phrase(streams), "dim"))
        for one in measured:
            style = "bold" if one.contestant == SPARK else ""
            rows.add_row(f"  {one.title}", *(cell(one) for _, cell in columns), style=style)
    return rows


def together_line(group: Group) -> list[str]:
    """How several streams are counted, and how much more Spark writes then; nothing when that was not measured."""
    found = [m for m in group.measured if m.contestant == SPARK and m.streams > 1 and m.vs_one is not None]
    if not found:
        return []
    gains = ", ".join(f"{counted(m.streams, 'stream')} {m.vs_one:.2f}" for m in found)
    return [
        "Several streams: all their tokens, from the first arrival on, with the reading of prompts.",
        f"{found[0].title}, × its own single stream: {gains}",
    ]


def streams_phrase(streams: int) -> str:
    """The heading of a section."""
    return counted(streams, "stream")


def overhead_title(report: SpeedReport) -> str:
    """What the second table is about."""
    return f"Around the decoder, per step, with {report.overheads[0].vocabulary:,} tokens of vocabulary"


def overhead_table(report: SpeedReport) -> Table:
    """Microseconds per step, and the share of a step of each file's bare decoder."""
    groups = [g for g in report.groups if any(g.id in o.shares for o in report.overheads)]
    names = ("µs", *(f"of {printable(g.id.partition(':')[2])}" for g in groups))
    rows = table("Streams", "Sampling", *names, right=names)
    for one in report.overheads:
        shares = (_share(one, group) for group in groups)
        rows.add_row(str(one.streams), one.sampling, f"{one.outside_us.median:.0f}", *shares)
    return rows


def _show_comparison(terminal: Terminal, report: SpeedReport, saved: SpeedReport) -> None:
    terminal.note(f"× saved: compared with {saved.at} (Spark {saved.version}).")
    if found := doubts(report, saved):
        terminal.note(f"Hard to compare: it was {'; '.join(found)}.")


def _share(overhead: Overhead, group: Group) -> str:
    share = overhead.shares.get(group.id)
    return NOTHING if share is None else f"{share:.1%}"


def _since(group: str, then: Mapping[Key, float] | None) -> Callable[[Measured], str]:
    def cell(measured: Measured) -> str:
        change = (then or {}).get(key_of(group, measured))
        return NOTHING if change is None else f"{change:.2f}"

    return cell


def _speed(measured: Measured) -> str:
    value = measured.speed.median
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def _vs_spark(measured: Measured) -> str:
    return NOTHING if measured.vs_spark is None else f"{measured.vs_spark:.2f}"


def _bandwidth(measured: Measured) -> str:
    return NOTHING if measured.bandwidth_share is None else f"{measured.bandwidth_share:.0%}"


def milliseconds(value: float) -> str:
    """As exact as one reads it: `8.2 ms`, `210 ms`, `1.4 s`."""
    if value < 10:
        return f"{value:.1f} ms"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


_COLUMNS: list[tuple[str, Callable[[Measured], str]]] = [
    ("tok/s", _speed),
    ("× Spark", _vs_spark),
    ("first", lambda m: milliseconds(m.first_token_ms.median)),
    ("worst gap", lambda m: milliseconds(m.worst_gap_ms.median)),
    ("memory", lambda m: size(m.memory_bytes)),
]
