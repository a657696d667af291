"""The event bus: snapshots first, nothing lost, metric samples conflated, lagging readers bounded."""

import asyncio

from spark_engine.engine.bus import MAX_PENDING, Bus, BusWatcher
from spark_engine.tasks import create_task
from spark_engine.types.health import Problem
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.state import (
    EngineEvent,
    EngineInfo,
    EngineState,
    MetricsSampled,
    PhaseChanged,
    ProblemRaised,
    StateSnapshot,
    apply_event,
)


def new_bus() -> Bus:
    return Bus(EngineState(EngineInfo("1", 1, 0.0, "http://127.0.0.1:1", "base")))


def problem(number: int) -> ProblemRaised:
    return ProblemRaised(Problem(f"p{number}", "info", "title", "message"))


async def drain(watcher: BusWatcher, count: int) -> list[EngineEvent]:
    events = []
    async with asyncio.timeout(2):
        async for event in watcher:
            events.append(event)
            if len(events) == count:
                break
    return events


async def test_the_first_message_is_the_state_and_the_rest_are_changes() -> None:
    bus = new_bus()
    bus.publish(PhaseChanged("ready"))
    watcher = bus.watch()
    bus.publish(problem(1))
    first, second = await drain(watcher, 2)
    assert isinstance(first, StateSnapshot)
    assert first.state.phase == "ready"
    assert second == problem(1)


async def test_every_watcher_ends_at_the_same_state() -> None:
    bus = new_bus()
    watchers = [bus.watch() for _ in range(3)]
    for number in range(50):
        bus.publish(problem(number))
    for watcher in watchers:
        state = bus.state
        for event in await drain(watcher, 51):
            state = apply_event(state, event)
        assert state == bus.state


async def test_only_the_newest_metric_sample_waits() -> None:
    bus = new_bus()
    watcher = bus.watch()
    for at in range(10):
        bus.publish(MetricsSampled(MetricsSample(at=float(at))))
        bus.publish(problem(at))
    events = await drain(watcher, 12)
    assert [e for e in events if isinstance(e, MetricsSampled)] == [MetricsSampled(MetricsSample(at=9.0))]
    assert sum(isinstance(e, ProblemRaised) for e in events) == 10


async def test_a_reader_that_lags_far_gets_one_snapshot_instead_of_a_long_queue() -> None:
    bus = new_bus()
    watcher = bus.watch()
    for number in range(MAX_PENDING + 5):
        bus.publish(problem(number % 7))
    events = await drain(watcher, 6)
    assert isinstance(events[0], StateSnapshot)
    state = bus.state
    for event in events:
        state = apply_event(state, event)
    assert state == bus.state


async def test_closing_ends_a_pending_iteration_and_counts_watchers() -> None:
    counts: list[int] = []
    bus = Bus(new_bus().state, on_watchers=counts.append)
    watcher = bus.watch()
    await drain(watcher, 1)
    pending = create_task(drain(watcher, 1), name="drain")
    await asyncio.sleep(0)
    watcher.close()
    assert await pending == []
    assert counts == [1, 0]
