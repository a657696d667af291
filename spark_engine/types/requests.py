"""Requests as people see them: what is waiting, running and finished. Never holds prompts or answers."""

from typing import Literal

from msgspec import Struct

from spark_engine.types.generation import SamplingOptions, Timings, Usage

RequestPhase = Literal["waiting", "loading", "running", "finished", "failed", "cancelled"]
RequestKind = Literal["generation", "embedding", "ranking"]


class RequestEntry(Struct, frozen=True):
    """One request in the list of requests. Times are Unix seconds.

    While it is under way `usage` and `timings` hold what is known so far: `load_ms` once its model is loaded,
    `queue_ms` and the cached tokens once it has its place in the model, `prefill_ms` with the first token. `sampling`
    and `max_tokens` are what was asked for, without what could tell of the prompt; `error` is a failure's title.
    """

    id: str
    model: str
    phase: RequestPhase
    client: str
    accepted_at: float
    finished_at: float | None = None
    usage: Usage = Usage()
    timings: Timings = Timings()
    error_code: str = ""
    error: str = ""
    kind: RequestKind = "generation"
    device: str = ""
    sampling: SamplingOptions = SamplingOptions()
    max_tokens: int | None = None


class RequestPage(Struct, frozen=True):
    """A piece of the list: `active` in the order of acceptance, then `finished`, the latest first. `next`: what to ask
    `before` for the following piece; empty when there is none."""

    active: tuple[RequestEntry, ...]
    finished: tuple[RequestEntry, ...]
    next: str = ""


def is_active(entry: RequestEntry) -> bool:
    """Whether the request still occupies the engine."""
    return entry.phase in ("waiting", "loading", "running")


def words_of(entry: RequestEntry) -> str:
    """What a search for a request looks at, in small letters."""
    said = (entry.model, entry.client, entry.id, entry.phase, entry.kind, entry.error_code, entry.error)
    return "\n".join(said).lower()


def is_meant(entry: RequestEntry, text: str) -> bool:
    """Whether a search for `text` finds the request."""
    return text.strip().lower() in words_of(entry)
