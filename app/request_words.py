"""Requests in words: what one is doing, where its time went, how many tokens, when; pure functions of its row."""

import time
from typing import Literal

from msgspec import Struct

from app.widgets.chip import Shape
from app.words import counted, duration
from spark_engine.types.quantities import speed, time_left
from spark_engine.types.requests import RequestEntry, is_active
from spark_engine.types.waiting import Place

StageKind = Literal["load", "queue", "prefill", "decode", "rest"]
LEAST_REST_MS = 20.0
"""Less than that between the stages is not worth a line."""
STAGE_WORDS: dict[StageKind, str] = {
    "load": "Load",
    "queue": "Queue",
    "prefill": "Prompt",
    "decode": "Answer",
    "rest": "Other",
}
_TONES = {"finished": "ok", "failed": "bad", "cancelled": "quiet", "running": "info"}
_SHAPES: dict[str, Shape] = {
    "finished": "check", "failed": "cross", "cancelled": "dash", "running": "half", "loading": "target",
}  # fmt: skip


class Stage(Struct, frozen=True):
    """A stretch of a request's time in milliseconds from its acceptance; `is_open`: it is in it now."""

    kind: StageKind
    start: float
    length: float
    note: str = ""
    is_open: bool = False

    @property
    def words(self) -> str:
        """`Prompt 40 ms (12 of 52 tokens cached)`."""
        told = f"{STAGE_WORDS[self.kind]} {duration(self.length)}"
        return f"{told} ({self.note})" if self.note else told


def total_ms(entry: RequestEntry, now: float) -> float:
    """From acceptance to the end, or to `now` (Unix seconds)."""
    return max(0.0, (entry.finished_at or now) - entry.accepted_at) * 1000


def stages(entry: RequestEntry, now: float) -> list[Stage]:
    """Where a request's time went, in the order in which it went by."""
    times, usage = entry.timings, entry.usage
    lengths: list[tuple[StageKind, float, str]] = [
        ("load", times.load_ms, "the model was loaded already" if 0 < times.load_ms < LEAST_REST_MS else ""),
        ("queue", times.queue_ms, ""),
        ("prefill", times.prefill_ms, _cached(entry)),
        ("decode", times.decode_ms, counted(usage.completion_tokens, "token", "tokens")),
    ]
    total, known = total_ms(entry, now), sum(length for _, length, _ in lengths)
    current = _current(entry) if is_active(entry) else "rest"
    found, start = [], 0.0
    for kind, length, note in lengths:
        is_open = kind == current
        length = max(0.0, total - known) if is_open else length
        if length or is_open:
            found.append(Stage(kind, start, length, note, is_open))
        start += length
    if current == "rest" and total - known > LEAST_REST_MS:
        found.append(Stage("rest", start, total - known))
    return found


def _current(entry: RequestEntry) -> StageKind:
    """The stage an active request is in."""
    if entry.phase == "running":
        return "decode" if entry.timings.prefill_ms else "prefill"
    return "queue" if entry.timings.load_ms else "load"


def _cached(entry: RequestEntry) -> str:
    usage = entry.usage
    if not usage.prompt_tokens:
        return ""
    if not usage.cached_tokens:
        return counted(usage.prompt_tokens, "token", "tokens")
    return f"{usage.cached_tokens:,} of {usage.prompt_tokens:,} tokens cached"


def state_words(entry: RequestEntry, place: Place | None) -> str:
    """What it is doing: `next, about 40 s`, `number 3, about 2 min`, `writing`, `finished`."""
    match entry.phase:
        case "waiting":
            return _place_words(place) if place else "waiting"
        case "loading":
            return "loading the model"
        case "running":
            return "reading" if _current(entry) == "prefill" else "writing"
        case _:
            return entry.phase


def _place_words(place: Place) -> str:
    told = "next" if place.position == 1 else f"number {place.position}"
    return told if place.seconds is None else f"{told}, {time_left(place.seconds)}"


def mark_of(entry: RequestEntry) -> tuple[str, Shape]:
    """Tone and shape of its state."""
    return _TONES.get(entry.phase, "quiet"), _SHAPES.get(entry.phase, "ring")


def token_words(entry: RequestEntry) -> str:
    """`52 → 240`: tokens of prompt and answer; empty while nothing is known."""
    usage = entry.usage
    if entry.kind != "generation":
        return f"{usage.prompt_tokens:,}" if usage.prompt_tokens else ""
    return f"{usage.prompt_tokens:,} → {usage.completion_tokens:,}" if usage.prompt_tokens else ""


def speed_words(entry: RequestEntry, now: float) -> str:
    """Tokens per second of the answer; while it is written, those so far."""
    if entry.timings.tokens_per_second:
        return speed(entry.timings.tokens_per_second)
    writing = next((s for s in stages(entry, now) if s.kind == "decode" and s.is_open), None)
    if writing is None or writing.length < 1000 or entry.usage.completion_tokens < 2:
        return ""
    return speed(entry.usage.completion_tokens / writing.length * 1000)


def when(at: float, now: float) -> str:
    """A moment: `14:02:07` today, `3 Mar 14:02` before."""
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M:%S", then)
    return f"{then.tm_mday} {time.strftime('%b %H:%M', then)}"
