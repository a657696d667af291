"""After a sleep, by a clock of the test's own, with the real engine: runners, downloads, trials and health."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from spark_engine.catalog.download.messages import Failed
from spark_engine.engine import backoff, supervisor
from spark_engine.engine import engine as engine_module
from spark_engine.engine.after_sleep import SLEPT_S, AfterSleep
from spark_engine.engine.engine import Engine
from spark_engine.paths import BaseDir
from spark_engine.types.downloads import DownloadFailed, Fetched, Fetching
from spark_engine.types.ecosystem import EcosystemMember
from spark_engine.types.generation import Finished
from spark_engine.types.models import LoadFailed, Ready, Restarting
from spark_engine.types.state import find_variant
from tests.support.accelerated import NANO, Extra, ask, backend, checked, choice, engine_with, until
from tests.support.downloading import PHI_ID, WEIGHTS
from tests.support.hub_mirror import Fault, HubMirror, add_phi_onnx
from tests.support.scripted_engine import config_with

Log = Callable[[str], None]
posix = pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")


class Clock:
    """Seconds asleep, as the test says."""

    def __init__(self) -> None:
        self.asleep = 500.0

    def __call__(self) -> float:
        return self.asleep


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(engine_module, "asleep_s", made)
    return made


def status(engine: Engine) -> object:
    found = find_variant(engine.state, NANO)
    assert found is not None
    return found.status


@asynccontextmanager
async def engine_at(base: BaseDir, hub: str) -> AsyncIterator[Engine]:
    """A started engine whose hub is the test's."""
    engine = Engine(config_with(models_preload=False, hub_endpoint=hub), base, "http://127.0.0.1:0")
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


async def asleep(engine: Engine, clock: Clock) -> None:
    """Sleep an hour; it is the engine's own reading of the hardware that notices."""
    clock.asleep += 3600
    engine.hardware._wake.set()
    await until(lambda: engine.after_sleep._seen == clock.asleep, 20)


def test_only_a_sleep_is_one_and_a_part_that_fails_keeps_nobody_asleep(expect_log: Log) -> None:
    expect_log("a part of Spark did not wake up")
    woken: list[str] = []
    clock = Clock()

    def fails() -> None:
        raise RuntimeError("broken")

    watch = AfterSleep((lambda: woken.append("first"), fails, lambda: woken.append("last")), clock)
    assert not watch.look()
    clock.asleep += SLEPT_S
    assert not watch.look(), "a clock that was put right is no sleep"
    clock.asleep -= 1000
    assert not watch.look()
    clock.asleep += SLEPT_S + 0.1
    assert watch.look()
    assert woken == ["first", "last"]
    assert not watch.look()


@posix
async def test_a_runner_that_died_is_there_at_once_and_one_that_was_given_up_too(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch, clock: Clock, expect_log: Log
) -> None:
    expect_log(f"runner of {NANO} died: signal 9")
    monkeypatch.setattr(backoff, "FIRST_DELAY_S", 600.0)
    monkeypatch.setattr(backoff, "LONGEST_DELAY_S", 600.0)
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 0.01)
    async with engine_with(base, monkeypatch) as engine:
        await ask(engine)
        await _killed(engine)
        assert isinstance(status(engine), Restarting)
        await asleep(engine, clock)
        await until(lambda: isinstance(status(engine), Ready), 20)

        monkeypatch.setattr(backoff, "FIRST_DELAY_S", 0.01)
        monkeypatch.setattr(backoff, "MOST_RESTARTS", 0)
        monkeypatch.setattr(engine.acceleration, "retreat", lambda *trouble: None)
        await _killed(engine)
        await until(lambda: isinstance(status(engine), LoadFailed))
        await asyncio.sleep(0.5)
        assert isinstance(status(engine), LoadFailed), "it stays given up"
        monkeypatch.setattr(backoff, "MOST_RESTARTS", 4)
        await asleep(engine, clock)
        await until(lambda: isinstance(status(engine), Ready), 20)
        _, end = await ask(engine)
        assert isinstance(end, Finished)


async def _killed(engine: Engine) -> None:
    ready = status(engine)
    assert isinstance(ready, Ready)
    os.kill(ready.pid, signal.SIGKILL)
    await until(lambda: status(engine) != ready)


async def test_trials_are_made_again_and_the_health_is_looked_at(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    looks = 0

    async def looked(ecosystem: object) -> tuple[EcosystemMember, ...]:
        nonlocal looks
        looks += 1
        return ()

    monkeypatch.setattr(engine_module.Ecosystem, "look", looked)
    async with engine_with(base, monkeypatch, Extra("fine")) as engine:
        first = await checked(engine, "fine")
        before = looks
        await asleep(engine, clock)
        await until(lambda: bool(choice(engine, "fine").checking), 20)
        assert "slept" in choice(engine, "fine").outdated
        assert (await checked(engine, "fine")).check != first.check
        assert backend(engine).chosen in ("fine", "cpu")
        assert looks > before
        again = choice(engine, "fine").check
        engine.hardware._wake.set()
        await asyncio.sleep(1)
        assert choice(engine, "fine").check == again, "once for each sleep"


async def test_a_download_opens_new_connections_and_keeps_what_it_has(base: BaseDir, clock: Clock) -> None:
    """The hub says nothing any more after a megabyte: without the sleep, that is noticed after half a minute."""
    with HubMirror() as hub:
        add_phi_onnx(hub)
        hub.fault(WEIGHTS, Fault("stall", at=1_000_000, seconds=60))
        async with engine_at(base, hub.url) as engine:
            await engine.library.download("phi-4-mini")
            await until(lambda: hub.sent[WEIGHTS] >= 1_000_000, 20)
            await asyncio.sleep(0.5)
            assert isinstance(engine.state.downloads[PHI_ID].status, Fetching)
            began = time.monotonic()
            await asleep(engine, clock)
            await until(lambda: isinstance(engine.state.downloads[PHI_ID].status, Fetched), 25)
            assert time.monotonic() - began < 20
            ranges = [r.headers.get("range") for r in hub.requests if r.path.endswith("model.onnx.data")]
            assert ranges[0] in (None, "bytes=0-")
            assert int((ranges[-1] or "").removeprefix("bytes=").rstrip("-")) >= 500_000


async def test_what_failed_for_want_of_the_network_goes_on(
    base: BaseDir, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HubMirror() as hub:
        add_phi_onnx(hub)
        async with engine_at(base, hub.url) as engine:
            downloads = engine.library._downloads
            run = downloads._run

            async def cut(job: object) -> Failed:
                return Failed("hub_unreachable", "No hub", "It was cut.", "", 503)

            monkeypatch.setattr(downloads, "_run", cut)
            await engine.library.download("phi-4-mini")
            await until(lambda: isinstance(engine.state.downloads[PHI_ID].status, DownloadFailed))
            monkeypatch.setattr(downloads, "_run", run)
            await asleep(engine, clock)
            await until(lambda: isinstance(engine.state.downloads[PHI_ID].status, Fetched), 25)
