"""The engine in this process with real runners: loading on demand, refusals, withdrawals, what watchers see."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from spark_engine.config.load import Config, load_config
from spark_engine.engine.engine import Engine
from spark_engine.engine.stream import LocalStream
from spark_engine.errors import NotFound, SparkError, Unavailable
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.chat import TextPrompt
from spark_engine.types.generation import Delta, Finished, GenerationRequest, SamplingOptions
from spark_engine.types.models import LoadFailed, Loading, Ready, Unloaded, Unloading
from spark_engine.types.requests import is_active
from spark_engine.types.selection import Needs
from spark_engine.types.state import EngineState, StateSnapshot, VariantChanged, apply_event, find_variant
from tests.support.served import ECHO_CARD
from tests.support.unloadable import write_unloadable

PLAIN, SLOW = "echo:plain", "echo:slow"


def config_of(base: BaseDir, **settings: int | bool) -> Config:
    arguments = {"models.preload": False} | {k.replace("__", "."): v for k, v in settings.items()}
    return load_config(base.settings_file, {}, arguments)


@pytest.fixture
async def start(base: BaseDir) -> AsyncIterator[Callable[..., object]]:
    started: list[Engine] = []
    (base.root / "model_cards").mkdir()
    (base.root / "model_cards" / "echo.toml").write_text(ECHO_CARD)

    async def start(**settings: int | bool) -> Engine:
        engine = Engine(config_of(base, **settings), base, "http://127.0.0.1:1")
        started.append(engine)
        await engine.start()
        return engine

    yield start
    for engine in started:
        await engine.stop()


def request(id: str, text: str = "hello", model: str = PLAIN) -> GenerationRequest:
    return GenerationRequest(id, model, TextPrompt(text), SamplingOptions(temperature=0))


async def text_of(stream: LocalStream) -> str:
    async with asyncio.timeout(20):
        return "".join([e.text async for e in stream if isinstance(e, Delta)])


def active(engine: Engine) -> int:
    return sum(map(is_active, engine.state.requests.values()))


async def wait_for(engine: Engine, holds: Callable[[EngineState], bool]) -> None:
    """Follow the event stream, as any watcher does, until its state holds."""
    state, watcher = engine.state, engine.watch()
    async with asyncio.timeout(20):
        async for event in watcher:
            state = apply_event(state, event)
            if holds(state):
                break
    watcher.close()
    assert state == engine.state or holds(state)


def status_is(variant: str, kind: type) -> Callable[[EngineState], bool]:
    def holds(state: EngineState) -> bool:
        entry = find_variant(state, variant)
        return entry is not None and isinstance(entry.status, kind)

    return holds


async def test_a_request_loads_its_model_and_watchers_see_each_step(start: Callable[..., object]) -> None:
    engine: Engine = await start()  # type: ignore[misc]
    watcher = engine.watch()
    stream = await engine.submit(request("r1"))
    assert await text_of(stream) == "hello"
    state, kinds = engine.state, []
    async with asyncio.timeout(5):
        async for event in watcher:
            if isinstance(event, StateSnapshot):
                state = event.state
            state = apply_event(state, event)
            if isinstance(event, VariantChanged) and type(event.status) not in kinds:
                kinds.append(type(event.status))
            if state == engine.state:
                break
    assert kinds == [Loading, Ready]
    row = engine.state.requests["r1"]
    assert (row.phase, row.model) == ("finished", PLAIN)
    assert row.timings.load_ms > 0
    assert b'spark_requests_total{model="echo:plain",outcome="finished"} 1.0' in engine.prometheus()


async def test_a_full_queue_refuses_at_once(start: Callable[..., object]) -> None:
    engine: Engine = await start(models__slots=1, queue__max_waiting=1)  # type: ignore[misc]
    streams = [await engine.submit(request(f"r{n}", "word " * 50, SLOW)) for n in range(2)]
    with pytest.raises(Unavailable) as refused:
        await engine.submit(request("r2", "hi", SLOW))
    assert refused.value.code == "queue_full"
    for stream in streams:
        await stream.aclose()
    await wait_for(engine, lambda s: not any(map(is_active, s.requests.values())))
    assert await text_of(await engine.submit(request("r3", "hi", SLOW))) == "hi"


async def test_a_client_that_gives_up_while_the_model_loads_leaves_nothing_behind(
    start: Callable[..., object],
) -> None:
    engine: Engine = await start()  # type: ignore[misc]
    waiting = create_task(engine.submit(request("r1")), name="submit")
    await asyncio.sleep(0.02)
    assert engine.state.requests["r1"].phase == "loading"
    await cancel_and_wait(waiting)
    assert engine.state.requests["r1"].phase == "cancelled"
    await wait_for(engine, status_is(PLAIN, Ready))
    assert await text_of(await engine.submit(request("r2"))) == "hello"


async def test_unloading_while_loading_refuses_those_who_wait(start: Callable[..., object]) -> None:
    engine: Engine = await start()  # type: ignore[misc]
    waiting = asyncio.gather(engine.submit(request("r1")), return_exceptions=True)
    await asyncio.sleep(0.02)
    engine.unload(PLAIN)
    (refused,) = await waiting
    assert isinstance(refused, SparkError)
    assert refused.code == "model_unloaded"
    await wait_for(engine, status_is(PLAIN, Unloaded))


async def test_a_request_during_unloading_loads_anew(start: Callable[..., object]) -> None:
    engine: Engine = await start()  # type: ignore[misc]
    await text_of(await engine.submit(request("r1")))
    engine.unload(PLAIN)
    await wait_for(engine, status_is(PLAIN, Unloading))
    assert await text_of(await engine.submit(request("r2"))) == "hello"
    assert status_is(PLAIN, Ready)(engine.state)


async def test_a_model_that_fails_to_load_is_not_tried_on_every_request(
    start: Callable[..., object], base: BaseDir
) -> None:
    write_unloadable(base.models / "broken" / "v")
    engine: Engine = await start()  # type: ignore[misc]
    with pytest.raises(Unavailable) as first:
        await engine.submit(request("r1", model="broken"))
    assert status_is("broken:v", LoadFailed)(engine.state)
    with pytest.raises(Unavailable) as second:
        async with asyncio.timeout(0.05):
            await engine.submit(request("r2", model="broken"))
    assert first.value.code == second.value.code
    assert [engine.state.requests[r].phase for r in ("r1", "r2")] == ["failed", "failed"]
    assert active(engine) == 0


async def test_names_that_mean_nothing_are_refused(start: Callable[..., object]) -> None:
    engine: Engine = await start()  # type: ignore[misc]
    calls = (engine.load, engine.unload, engine.cancel, engine.install_component)
    for call in (*calls, lambda name: engine.choose(name, Needs())):
        with pytest.raises(NotFound):
            call("unheard-of")
    with pytest.raises(NotFound):
        await engine.submit(request("r", model="unheard-of"))
    assert engine.state.requests == {}


async def test_stopping_ends_running_work_with_an_event(start: Callable[..., object]) -> None:
    engine: Engine = await start()  # type: ignore[misc]
    stream = await engine.submit(request("r1", "word " * 50, SLOW))
    await engine.stop()
    async with asyncio.timeout(5):
        last = [event async for event in stream][-1]
    assert not isinstance(last, Finished)
    with pytest.raises(Unavailable) as refused:
        await engine.submit(request("r2"))
    assert refused.value.code == "engine_not_ready"


async def test_the_default_model_is_preloaded_and_readiness_waits_for_it(
    start: Callable[..., object],
) -> None:
    engine: Engine = await start(models__preload=True)  # type: ignore[misc]
    assert engine.state.default_model
    if not engine.health().ready:
        assert [p.id for p in engine.health().problems] == ["model_loading"]
    await wait_for(engine, status_is(engine.state.default_model, Ready))
    assert engine.health().ready
