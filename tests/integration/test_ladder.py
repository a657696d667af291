"""The ladder of crashes with the real engine: down to what works, told with evidence, and up again."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_engine.engine import backoff, supervisor
from spark_engine.engine.engine import Engine
from spark_engine.errors import Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.generation import Finished
from spark_engine.types.models import LoadFailed, Ready
from spark_engine.types.state import find_variant
from tests.support.accelerated import NANO, Extra, ask, backend, checked, choice, engine_with, switched, until

Log = Callable[[str], None]


@pytest.fixture
def breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The device `later` breaks as soon as this file is there; pauses are short."""
    monkeypatch.setenv("SPARK_TEST_FAULT", str(tmp_path / "broken"))
    for module in (backoff, supervisor):
        monkeypatch.setattr(module, "FIRST_DELAY_S", 0.02)
    return tmp_path / "broken"


async def on_later(engine: Engine, *, strict: bool = False) -> None:
    """spark-nano loaded on the device that is going to break."""
    await checked(engine, "later")
    engine.acceleration.select("onnx", "later", strict=strict)
    await switched(engine)
    _, end = await ask(engine)
    assert isinstance(end, Finished) and end.served.device == "Faulty (later)"


async def test_who_keeps_dying_goes_on_by_the_cpu_and_climbs_back_when_asked(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch, breaks: Path, expect_log: Log
) -> None:
    expect_log(f"runner of {NANO} died: signal 6")
    async with engine_with(base, monkeypatch, Extra("later")) as engine:
        await on_later(engine)
        breaks.touch()
        with pytest.raises(Unavailable):
            await _failing(engine)
        _, end = await ask(engine, id="waits until the CPU has it")
        assert isinstance(end, Finished) and end.served.device == "CPU"
        (told,) = backend(engine).stepped_down
        assert (told.variant, told.wanted, told.choice, told.context) == (NANO, "later", "cpu", 0)
        assert "it has come" in told.evidence and "again and again" in told.reason
        problem = engine.state.problems[f"stepped_down_{NANO}"]
        assert "on the CPU" in problem.title and "later" in problem.remedy
        assert choice(engine, "cpu").in_use and backend(engine).chosen == "later"
        breaks.unlink()
        engine.acceleration.select("onnx", "later")
        await switched(engine)
        _, end = await ask(engine)
        assert isinstance(end, Finished) and end.served.device == "Faulty (later)"
        assert backend(engine).stepped_down == () and f"stepped_down_{NANO}" not in engine.state.problems


async def _failing(engine: Engine) -> None:
    """An answer amid which the runner dies: refused, or broken off."""
    _, end = await ask(engine, 200, "dies")
    assert not isinstance(end, Finished), end
    raise Unavailable(end.code, end.title, end.message)


async def test_after_a_quiet_time_it_climbs_back_by_itself(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch, breaks: Path, expect_log: Log
) -> None:
    expect_log(f"runner of {NANO} died: signal 6")
    async with engine_with(base, monkeypatch, Extra("later"), quiet_s=8) as engine:
        await on_later(engine)
        breaks.touch()
        with pytest.raises(Unavailable):
            await _failing(engine)
        await until(lambda: choice(engine, "cpu").in_use)
        breaks.unlink()
        await until(lambda: choice(engine, "later").in_use)
        assert backend(engine).stepped_down == ()


async def test_strict_stops_instead_of_taking_the_cpu(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch, breaks: Path, expect_log: Log
) -> None:
    expect_log(f"runner of {NANO} died: signal 6")
    async with engine_with(base, monkeypatch, Extra("later"), quiet_s=600) as engine:
        await on_later(engine, strict=True)
        breaks.touch()
        with pytest.raises(Unavailable):
            await _failing(engine)
        await until(lambda: isinstance(_status(engine), LoadFailed))
        assert not choice(engine, "cpu").in_use
        with pytest.raises(Unavailable) as refused:
            await ask(engine)
        assert refused.value.code == "runner_crash_loop"


async def test_who_dies_on_the_cpu_too_gets_less_context_and_then_stops(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch, breaks: Path, expect_log: Log
) -> None:
    expect_log(f"runner of {NANO} died: signal 9")
    async with engine_with(base, monkeypatch) as engine:
        await ask(engine)
        contexts: list[int] = []
        async with asyncio.timeout(90):
            while not isinstance(status := _status(engine), LoadFailed):
                if isinstance(status, Ready):
                    contexts.append(status.context)
                    os.kill(status.pid, signal.SIGKILL)
                    await until(lambda dead=status: _status(engine) != dead)  # type: ignore[misc]
                await asyncio.sleep(0.02)
        assert contexts == [4096] * 5 + [2048] * 5
        assert isinstance(status, LoadFailed) and status.code == "runner_crash_loop"
        assert backend(engine).stepped_down == (), "the next load begins from the top"
        engine.load(NANO)
        await until(lambda: isinstance(_status(engine), Ready))
        status = _status(engine)
        assert isinstance(status, Ready) and status.context == 4096


async def test_a_device_that_is_gone_at_the_next_load_is_replaced_by_the_cpu_and_told(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch, breaks: Path, expect_log: Log
) -> None:
    extra = Extra("fine")
    async with engine_with(base, monkeypatch, extra) as engine:
        await checked(engine, "fine")
        engine.acceleration.select("onnx", "fine")
        await switched(engine)
        found = engine.acceleration._picture.offer("onnx", "fine")
        engine.acceleration._picture._offers["onnx"]["fine"] = type(found)(
            found.choice, type(found.seat)("fine", "fault:refuse"), found.key
        )
        _, end = await ask(engine)
        assert isinstance(end, Finished) and end.served.device == "CPU"
        (told,) = backend(engine).stepped_down
        assert told.wanted == "fine" and "It is a test." in told.reason


def _status(engine: Engine) -> object:
    found = find_variant(engine.state, NANO)
    assert found is not None
    return found.status
