"""What the Apps page says of a program: pure functions of its entry."""

from app.health_words import Mark, many, usage_words
from app.moments import moment
from app.words import counted, duration
from spark_engine.types.apps import AppEntry, AppRank

RANKS: dict[AppRank, str] = {"first": "Goes first", "normal": "In turn", "last": "Goes last"}


def standing(app: AppEntry) -> Mark:
    """What it does now, or what was decided about it."""
    if app.blocked:
        return Mark("Blocked", "bad", "cross")
    if app.paused:
        return Mark(f"Paused, {app.waiting} waiting" if app.waiting else "Paused", "warn", "dash")
    if app.active:
        return Mark(counted(app.active, "request", "requests") + " now", "info", "half")
    return Mark("Idle", "quiet", "ring")


def place(app: AppEntry) -> str:
    """Where its program lies: the script with what runs it, or the executable."""
    if not app.path:
        return "The system does not tell which program this is: it has ended, or belongs to another user."
    return f"{app.path} {app.script}".strip()


def seen(app: AppEntry) -> str:
    """`known since 3 Nov 09:10 · last request 14:32 · calls itself curl/8.1`."""
    parts = (
        f"known since {moment(app.since)}" if app.since else "",
        f"last request {moment(app.last_seen)}" if app.last_seen else "",
        f"calls itself {app.agent}" if app.agent else "",
    )
    return " · ".join(part for part in parts if part)


def asked(app: AppEntry) -> str:
    """`12 requests · 1 error · half within 80 ms, 95 % within 1.2 s · 4,210 tokens`."""
    read, written = app.prompt_tokens, app.completion_tokens
    amount = f"{read:,} tokens read, {written:,} written" if read or written else ""
    refused = f"{many(app.refused, 'request')} refused" if app.refused else ""
    parts = (usage_words(app.usage) or "no request since Spark started", amount, refused)
    return " · ".join(part for part in parts if part)


def share_words(app: AppEntry) -> str:
    """`63 % of the models' time (2 min 5 s)`."""
    return f"{app.share:.0%} of the models' time ({duration(app.compute_ms)})".replace("%", " %")
