"""When waiting requests get their turn: their places in the queue, and a guess of the time from what others took."""

import heapq
from collections.abc import Iterable
from statistics import median

from msgspec import Struct

from spark_engine.types.models import Ready
from spark_engine.types.requests import RequestEntry, is_active
from spark_engine.types.state import EngineState, find_variant

LEARN_FROM = 20
"""Finished requests of the same model."""


class Place(Struct, frozen=True):
    """`position` 1 is next; `seconds` until its turn, None where nothing is known yet."""

    position: int
    seconds: float | None = None


def places(state: EngineState, now: float) -> dict[str, Place]:
    """The places of all waiting requests by id, each among those of its model. `now`: Unix seconds."""
    found: dict[str, Place] = {}
    by_model: dict[str, list[RequestEntry]] = {}
    for entry in state.requests.values():
        if is_active(entry):
            by_model.setdefault(entry.model, []).append(entry)
    for model, active in by_model.items():
        waiting = _in_order((e for e in active if e.phase != "running"), state.queue)
        running = [e for e in active if e.phase == "running"]
        turns = _turns(running, len(waiting), _slots(state, model), _usual_seconds(state, model), now)
        found |= {e.id: Place(at + 1, turns[at]) for at, e in enumerate(waiting)}
    return found


def _in_order(waiting: Iterable[RequestEntry], queue: tuple[str, ...]) -> list[RequestEntry]:
    """As the runner last told it; those it had not heard of come after, as they were accepted."""
    told = {id: at for at, id in enumerate(queue)}
    return sorted(waiting, key=lambda e: (told.get(e.id, len(told)), e.accepted_at))


def _turns(
    running: list[RequestEntry], waiting: int, slots: int, usual: float | None, now: float
) -> list[float | None]:
    """Seconds until each of `waiting` gets a slot, if every request takes the usual time."""
    if usual is None or not slots:
        return [None] * waiting
    free = [max(0.0, usual - (now - began(entry))) for entry in running] + [0.0] * (slots - len(running))
    heapq.heapify(free)
    turns: list[float | None] = []
    for _ in range(waiting):
        turn = heapq.heappop(free)
        turns.append(turn)
        heapq.heappush(free, turn + usual)
    return turns


def began(entry: RequestEntry) -> float:
    """When a running request got its slot, in Unix seconds."""
    return entry.accepted_at + (entry.timings.load_ms + entry.timings.queue_ms) / 1000


def _usual_seconds(state: EngineState, model: str) -> float | None:
    """What a request of this model takes from slot to end: the middle one of the last that finished."""
    ended = [e for e in state.requests.values() if e.model == model and e.phase == "finished"]
    took = [(e.timings.prefill_ms + e.timings.decode_ms) / 1000 for e in ended[-LEARN_FROM:]]
    return median(took) if took else None


def _slots(state: EngineState, model: str) -> int:
    variant = find_variant(state, model)
    return variant.status.slots if variant and isinstance(variant.status, Ready) else 0
