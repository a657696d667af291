"""What the Health page says: pure functions of the report."""

from msgspec import Struct

from app.moments import moment
from app.widgets.chip import Shape
from app.words import counted, duration
from spark_engine.types.apps import Usage
from spark_engine.types.ecosystem import EcosystemMember, NotAsked, Reachable, SwitchedOff, Unreachable
from spark_engine.types.health import HealthReport, PartState, Severity


class Mark(Struct, frozen=True):
    """A state in word, tone and shape."""

    word: str
    tone: str
    shape: Shape


SEVERITIES: dict[Severity, Mark] = {
    "info": Mark("Note", "info", "disc"),
    "warning": Mark("Warning", "warn", "triangle"),
    "error": Mark("Error", "bad", "cross"),
}
PARTS: dict[PartState, Mark] = {
    "ok": Mark("Well", "ok", "check"),
    "busy": Mark("Working", "info", "half"),
    "off": Mark("Idle", "quiet", "ring"),
    "warning": SEVERITIES["warning"],
    "error": SEVERITIES["error"],
}


class Overall(Struct, frozen=True):
    """The first thing to say."""

    mark: Mark
    title: str
    text: str


def overall(report: HealthReport) -> Overall:
    """Whether all is well, in one line."""
    grave = [p for p in report.problems if p.severity != "info" and not p.under]
    if any(p.severity == "error" for p in grave):
        mark = SEVERITIES["error"]
    else:
        mark = SEVERITIES["warning"] if grave else PARTS["ok"]
    if grave:
        title = f"{counted(len(grave), 'thing needs', 'things need')} attention"
    else:
        title = "All is well" if report.ready else "Almost ready"
    answers = "Spark answers requests." if report.ready else "Spark cannot answer requests now."
    return Overall(mark, title, answers)


def member_mark(member: EcosystemMember) -> Mark:
    """Whether a program of the ecosystem answers. That one was never here is no fault."""
    match member.status:
        case Reachable(well=True):
            return Mark("Reachable", "ok", "check")
        case Reachable():
            return Mark("Not well", "warn", "triangle")
        case Unreachable() if member.last_seen is not None:
            return Mark("Gone", "warn", "triangle")
        case Unreachable():
            return Mark("Not reachable", "quiet", "ring")
        case SwitchedOff():
            return Mark("Switched off", "quiet", "dash")
        case _:
            return Mark("Not asked yet", "quiet", "ring")


def member_words(member: EcosystemMember) -> str:
    """How it answers: `4 ms · it has no /health`, `nothing listens there · last seen 14:32`."""
    match member.status:
        case Reachable(latency, _, detail):
            parts = [duration(latency), detail]
        case Unreachable(reason):
            parts = [reason, f"last seen {moment(member.last_seen)}" if member.last_seen else ""]
        case SwitchedOff():
            parts = ["an address in the settings switches it on"]
        case NotAsked():
            parts = []
    return " · ".join(part for part in parts if part)


def many(count: int, one: str) -> str:
    """`1 request`, `1,240 requests`."""
    return f"{count:,} {one if count == 1 else f'{one}s'}"


def usage_words(usage: Usage) -> str:
    """What somebody asked of Spark: `12 requests · 1 error · half within 80 ms, 95 % within 1.2 s`."""
    if not usage.requests:
        return ""
    errors = many(usage.errors, "error") if usage.errors else ""
    took = (
        f"half within {duration(usage.p50_ms)}, 95 % within {duration(usage.p95_ms)}" if usage.p50_ms else ""
    )
    asked = many(usage.requests, "request")
    return " · ".join(part for part in (asked, errors, took) if part)
