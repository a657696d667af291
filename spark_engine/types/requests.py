"""Requests as people see them: what is waiting, running and just finished. Never holds prompts or answers."""

from typing import Literal

from msgspec import Struct

from spark_engine.types.generation import Timings, Usage

RequestPhase = Literal["waiting", "loading", "running", "finished", "failed", "cancelled"]


class RequestEntry(Struct, frozen=True):
    """One generation in the list of requests. Times are Unix seconds."""

    id: str
    model: str
    phase: RequestPhase
    client: str
    accepted_at: float
    finished_at: float | None = None
    usage: Usage = Usage()
    timings: Timings = Timings()
    error_code: str = ""


def is_active(entry: RequestEntry) -> bool:
    """Whether the request still occupies the engine."""
    return entry.phase in ("waiting", "loading", "running")
