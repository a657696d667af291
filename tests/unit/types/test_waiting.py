"""Places in the queue: order as the runners told it, turns guessed from what others took, each model for itself."""

import pytest
from msgspec.structs import replace

from spark_engine.types.generation import Timings
from spark_engine.types.models import ModelEntry, Ready, VariantEntry
from spark_engine.types.requests import RequestEntry, RequestPhase
from spark_engine.types.state import EngineInfo, EngineState, RequestsSampled, apply_event
from spark_engine.types.waiting import Place, places

SLOTS = 2


def entry(id: str, phase: RequestPhase, at: float, model: str = "m:v", took_s: float = 0.0) -> RequestEntry:
    timings = Timings(prefill_ms=took_s * 400, decode_ms=took_s * 600)
    return RequestEntry(id, model, phase, "", at, timings=timings)


def state_of(*entries: RequestEntry, queue: tuple[str, ...] = ()) -> EngineState:
    ready = Ready("CPU", 4096, SLOTS, 1, 1.0, 1)
    model = ModelEntry("m", "M", "phi", "MIT", "", 1, 4096, (VariantEntry("m:v", "onnx", "int4", 1, ready),))
    info = EngineInfo("1", 1, 0.0, "http://127.0.0.1:1", "base")
    return EngineState(info, models={"m": model}, requests={e.id: e for e in entries}, queue=queue)


def test_in_the_order_the_runner_told_then_as_accepted() -> None:
    waiting = [entry(id, "waiting", at) for id, at in (("a", 1.0), ("b", 2.0), ("new", 4.0), ("newer", 5.0))]
    found = places(state_of(*waiting, queue=("b", "gone", "a")), now=6.0)
    assert sorted(found, key=lambda id: found[id].position) == ["b", "a", "new", "newer"]
    assert {p.seconds for p in found.values()} == {None}


def test_turns_follow_from_what_requests_usually_take() -> None:
    over = [entry(f"o{n}", "finished", 0.0, took_s=s) for n, s in enumerate((2.0, 10.0, 90.0))]
    running = [entry("r1", "running", 100.0), entry("r2", "running", 106.0)]
    waiting = [entry(id, "waiting", 107.0 + n) for n, id in enumerate("abc")]
    found = places(state_of(*over, *running, *waiting), now=108.0)
    assert [found[id].position for id in "abc"] == [1, 2, 3]
    assert [found[id].seconds for id in "abc"] == pytest.approx([2.0, 8.0, 12.0])


def test_a_free_slot_means_now_and_one_that_takes_long_ends_any_moment() -> None:
    over = entry("o", "finished", 0.0, took_s=1.0)
    assert places(state_of(over, entry("a", "waiting", 5.0)), 5.0) == {"a": Place(1, 0.0)}
    running = [entry("r1", "running", 0.0), entry("r2", "running", 0.0)]
    assert places(state_of(over, *running, entry("a", "waiting", 5.0)), 50.0) == {"a": Place(1, 0.0)}


def test_models_do_not_wait_for_each_other() -> None:
    found = places(state_of(entry("a", "waiting", 1.0), entry("b", "loading", 2.0, "x:y")), 3.0)
    assert found == {"a": Place(1), "b": Place(1)}


def test_a_sample_moves_what_is_under_way_only() -> None:
    state = state_of(entry("r", "running", 1.0), entry("o", "finished", 1.0), entry("w", "waiting", 1.0))
    moved = apply_event(state, RequestsSampled(("w",), {"r": 7, "o": 9, "gone": 1}))
    assert moved.queue == ("w",)
    assert moved.requests["r"].usage.completion_tokens == 7
    assert moved.requests["o"] is state.requests["o"]
    assert replace(moved, queue=(), requests=state.requests) == state
