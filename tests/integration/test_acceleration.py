"""Acceleration with the real engine and real runners: checking, choosing, changing amid work, never what fails."""

import asyncio

import pytest

from spark_engine.errors import Conflict, NotFound, Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.acceleration import computes_rightly, stage
from spark_engine.types.generation import Finished
from tests.support.accelerated import (
    NANO,
    Extra,
    ask,
    backend,
    checked,
    choice,
    engine_with,
    switched,
    until,
)

LONG = 3000


async def test_a_new_machine_uses_the_cpu_and_says_what_is_missing(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine_with(base, monkeypatch) as engine:
        assert set(engine.state.acceleration) == {"onnx", "gguf", "torch"}
        assert (backend(engine).wish, backend(engine).chosen) == ("auto", "cpu")
        assert stage(choice(engine, "cpu")) == "installed"
        cuda = choice(engine, "cuda", "gguf")
        assert (cuda.found, cuda.installed) == (False, False) and cuda.why
        _, end = await ask(engine)
        assert isinstance(end, Finished) and end.served.device == "CPU"
        assert stage(choice(engine, "cpu")) == "in_use"
        with pytest.raises(NotFound) as unknown:
            engine.acceleration.select("onnx", "abacus")
        assert unknown.value.param == "choice" and "cpu" in unknown.value.remedy
        with pytest.raises(NotFound) as unknown:
            engine.acceleration.verify("abacus")
        assert unknown.value.param == "backend"
        with pytest.raises(Conflict) as absent:
            engine.acceleration.select("gguf", "cuda")
        assert absent.value.code == "choice_not_installed"


@pytest.mark.component("genai")
async def test_a_change_amid_an_answer_leaves_the_answer_alone(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine_with(base, monkeypatch) as engine:
        expected, _ = await ask(engine, LONG)
        began = asyncio.Event()
        running = asyncio.create_task(ask(engine, LONG, "long", began))  # noqa: TID251
        await began.wait()
        engine.acceleration.select("onnx", "cpu-1")
        await switched(engine)
        tokens, end = await running
        assert isinstance(end, Finished) and end.served.device == "CPU" and tokens == expected
        _, next = await ask(engine)
        assert isinstance(next, Finished) and next.served.device == "CPU, 1 thread"
        engine.acceleration.select("onnx", "genai-cpu")
        await switched(engine)
        assert backend(engine).failed is None
        assert computes_rightly(choice(engine, "genai-cpu")), "it was checked first"
        _, next = await ask(engine)
        assert isinstance(next, Finished) and next.served.device == "CPU (onnxruntime-genai)"
        assert (backend(engine).wish, backend(engine).chosen) == ("genai-cpu", "genai-cpu")
        assert choice(engine, "genai-cpu").in_use and not choice(engine, "cpu").in_use
    async with engine_with(base, monkeypatch) as engine:
        assert (backend(engine).wish, backend(engine).chosen) == ("genai-cpu", "genai-cpu")
        _, end = await ask(engine)
        assert isinstance(end, Finished) and end.served.device == "CPU (onnxruntime-genai)"


async def test_what_fails_its_check_is_told_and_never_chosen(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {"perturbed": "wrong", "crash": "crashed", "hang": "hung", "slow": "slow", "refuse": "refused"}
    async with engine_with(base, monkeypatch, Extra(*faults)) as engine:
        for fault, verdict in faults.items():  # accelerators that were never tried are checked unasked
            found = await checked(engine, fault)
            assert found.check is not None and found.check.verdict == verdict, found.check
            assert found.check.library == "driverlib 1" and found.check.driver == "driver 1"
        assert (backend(engine).wish, backend(engine).chosen) == ("auto", "cpu")
        for fault in faults:
            if fault == "slow":
                continue
            with pytest.raises(Conflict) as refused:
                engine.acceleration.select("onnx", fault)
            assert refused.value.code == "choice_failed" and refused.value.message
        with pytest.raises(Unavailable) as strict:
            engine.acceleration.select("onnx", "auto", strict=True)
        assert strict.value.code == "accelerator_required"
        _, end = await ask(engine)
        assert isinstance(end, Finished) and end.served.device == "CPU"


async def test_auto_takes_the_fastest_that_computes_rightly(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spark_engine.engine.acceleration_choice.FASTER", 0.3)
    async with engine_with(base, monkeypatch, Extra("crash", "fine")) as engine:
        await ask(engine)
        await checked(engine, "fine")
        await until(lambda: choice(engine, "fine").in_use)
        assert backend(engine).chosen == "fine" and "times as fast" in backend(engine).why
        _, end = await ask(engine)
        assert isinstance(end, Finished) and end.served.device == "Faulty (fine)"


async def test_a_change_that_fails_leaves_everything_as_it_was(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = Extra("fine", "dead")
    async with engine_with(base, monkeypatch, extra) as engine:
        await checked(engine, "dead")
        engine.acceleration.select("onnx", "cpu-1")
        await switched(engine)
        await ask(engine)
        pids = dict(engine._residency.pids)
        monkeypatch.setattr(engine._residency, "hand_over", _refusing)
        engine.acceleration.select("onnx", "fine")
        await switched(engine)
        failed = backend(engine).failed
        assert failed is not None and (failed.choice, failed.title) == ("fine", "Not enough of it")
        assert (backend(engine).wish, backend(engine).chosen) == ("cpu-1", "cpu-1")
        assert engine._residency.pids == pids


async def _refusing(id: str, seat: object) -> None:
    raise Unavailable("test", "Not enough of it", "It is a test.")


async def test_other_libraries_or_drivers_make_a_trial_worthless(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = Extra("fine")
    async with engine_with(base, monkeypatch, extra) as engine:
        first = await checked(engine, "fine")
        engine.acceleration.select("onnx", "fine", strict=False)
        await switched(engine)
    async with engine_with(base, monkeypatch, extra) as engine:
        assert choice(engine, "fine").check == first.check, "remembered"
        assert not choice(engine, "fine").checking and backend(engine).chosen == "fine"
    extra.key = "the driver is another"
    async with engine_with(base, monkeypatch, extra) as engine:
        assert backend(engine).chosen == "cpu" and choice(engine, "fine").outdated
        assert "acceleration_onnx" in engine.state.problems
        await ask(engine)
        await until(lambda: choice(engine, "fine").in_use)
        assert choice(engine, "fine").check != first.check and not choice(engine, "fine").outdated
        assert backend(engine).chosen == "fine" and "acceleration_onnx" not in engine.state.problems


async def test_strict_runs_what_was_chosen_or_nothing(base: BaseDir, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = Extra("fine")
    async with engine_with(base, monkeypatch, extra) as engine:
        await checked(engine, "fine")
        engine.acceleration.select("onnx", "fine", strict=True)
        await switched(engine)
        assert backend(engine).strict and backend(engine).chosen == "fine"
    extra.faults = ()
    async with engine_with(base, monkeypatch, extra) as engine:
        assert backend(engine).chosen == ""
        with pytest.raises(Unavailable) as refused:
            await ask(engine)
        assert refused.value.code == "accelerator_required"
        engine.acceleration.select("onnx", "auto", strict=False)
        await switched(engine)
        _, end = await ask(engine)
        assert isinstance(end, Finished) and end.served.device == "CPU"


async def test_one_change_of_a_backend_at_a_time(base: BaseDir, monkeypatch: pytest.MonkeyPatch) -> None:
    async with engine_with(base, monkeypatch) as engine:
        engine.acceleration.select("onnx", "cpu-1")
        assert backend(engine).switching is not None
        with pytest.raises(Conflict) as busy:
            engine.acceleration.select("onnx", "cpu")
        assert busy.value.code == "acceleration_busy"
        await switched(engine)


async def test_verifying_everything_checks_what_is_installed_once(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine_with(base, monkeypatch) as engine:
        begun = engine.acceleration.verify("onnx")
        assert {"onnx/cpu", "onnx/cpu-1"} <= set(begun) and engine.acceleration.verify("onnx") == begun
        found = await checked(engine, "cpu")
        assert found.check is not None and found.check.verdict == "right"
        assert (await checked(engine, "cpu-1")).check is not None
        assert choice(engine, "cpu").check is not None and stage(choice(engine, "cpu")) == "verified"
        assert backend(engine).chosen == "cpu", "spark-nano says nothing of threads for real models"
        assert NANO.startswith("spark-nano")
