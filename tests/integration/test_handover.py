"""One runner takes over from another, with real runners: no answer is broken, and what fails changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from spark_engine.config.load import load_config
from spark_engine.engine.generation import Generation
from spark_engine.engine.residency import Residency
from spark_engine.engine.seats import Seat
from spark_engine.engine.supervisor import Supervisor
from spark_engine.errors import NotEnoughMemory, SparkError
from spark_engine.hardware.memory import Memory
from spark_engine.paths import BaseDir, resources
from spark_engine.types.chat import TextPrompt
from spark_engine.types.generation import (
    Delta,
    Failed,
    Finished,
    GenerationRequest,
    SamplingOptions,
    StopRules,
)
from spark_engine.types.models import ModelEntry, Ready, Unloaded, VariantEntry, VariantStatus
from spark_engine.types.requests import RequestEntry

NANO = str(resources() / "spark_nano" / "onnx-int4")
VARIANT = VariantEntry("nano:a", "onnx", "int4", 6_000_000, Unloaded(), NANO)
MODEL = ModelEntry("nano", "Nano", "phi", "MIT", "", 5_771_008, 4096, (VARIANT,))
FAULTY = Path(__file__).parent.parent / "support" / "faulty"
ONE_THREAD = Seat("cpu-1", threads=1)
LONG = 3000


class Rows:
    """Nobody who is told about requests."""

    def changed(self, entry: RequestEntry) -> None:
        """Nothing to keep."""

    def decoded(self, count: int) -> None:
        """Nothing to count."""

    def ended(self, entry: RequestEntry) -> None:
        """Nothing to keep."""


class Home:
    """A residency with one model, and what watchers were told of it."""

    def __init__(self, base: BaseDir, free: int) -> None:
        self.statuses: list[VariantStatus] = []
        self.free = free
        self.residency = Residency(
            load_config(base.settings_file, {}, {}),
            lambda id, status: self.statuses.append(status),
            memory=lambda: Memory(64 * 10**9, self.free),
        )

    async def ready(self) -> Supervisor:
        supervisor = self.residency.demand(MODEL, VARIANT)
        async with asyncio.timeout(60):
            await supervisor.ready()
        return supervisor

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.01)

    @property
    def device(self) -> str:
        status = self.residency.status(VARIANT.id)
        return status.device if isinstance(status, Ready) else ""


@pytest.fixture
async def home(base: BaseDir) -> AsyncIterator[Home]:
    made = Home(base, 32 * 10**9)
    yield made
    await made.residency.close()
    assert made.residency.pids == {}
    assert psutil.Process().children() == []


def generation(id: str, tokens: int, text: str = "Hello") -> Generation:
    stop = StopRules(max_tokens=tokens, ignore_eos=True)
    request = GenerationRequest(id, VARIANT.id, TextPrompt(text), SamplingOptions(temperature=0), stop)
    return Generation(request, VARIANT.id, Rows())


async def answer(job: Generation) -> tuple[list[int], Finished | Failed]:
    """All tokens, and how it ended."""
    tokens: list[int] = []
    async with asyncio.timeout(60):
        async for event in job.mailbox:
            match event:
                case Delta():
                    tokens += event.tokens
                case _:
                    return tokens, event
    raise AssertionError("no end")


async def reference(home: Home) -> list[int]:
    """What the long answer is when nothing happens meanwhile."""
    job = generation("reference", LONG)
    (await home.ready()).submit(job)
    tokens, _ = await answer(job)
    return tokens


@pytest.mark.component("genai")
async def test_a_stream_finishes_where_it_is_and_the_next_runs_on_the_new_choice(home: Home) -> None:
    expected = await reference(home)
    old = await home.ready()
    before = old.pid
    job = generation("r", LONG)
    old.submit(job)
    streaming = asyncio.create_task(answer(job))  # noqa: TID251
    await home.until(lambda: job.entry.phase == "running")
    await home.residency.hand_over(VARIANT.id, Seat("genai-cpu", "genai:cpu"))
    assert not streaming.done(), "it must still be writing for this test to tell anything"
    assert home.device == "CPU (onnxruntime-genai)"
    assert len(home.residency.pids) == 2
    new = await home.ready()
    assert new is not old and new.pid != before
    short = generation("next", 8)
    new.submit(short)
    _, end = await answer(short)
    assert isinstance(end, Finished) and end.served.device == "CPU (onnxruntime-genai)"
    tokens, end = await streaming
    assert isinstance(end, Finished) and (end.reason, end.served.device) == ("length", "CPU")
    assert tokens == expected
    await home.until(lambda: len(home.residency.pids) == 1)
    assert [type(status) for status in home.statuses[-1:]] == [Ready]
    assert "Unloading" not in {type(status).__name__ for status in home.statuses}


async def test_requests_without_pause_never_notice_a_change_of_threads(home: Home) -> None:
    await home.ready()
    ends: list[Finished | Failed] = []
    changed = asyncio.Event()

    async def asks(name: str) -> None:
        for number in range(200):
            job = generation(f"{name}{number}", 24)
            supervisor = home.residency.demand(MODEL, VARIANT)
            await supervisor.ready()
            supervisor.submit(job)
            ends.append((await answer(job))[1])
            if changed.is_set() and number > 2:
                return

    async with asyncio.timeout(90):
        askers = [asyncio.create_task(asks(name)) for name in "abc"]  # noqa: TID251
        for seat in (ONE_THREAD, Seat(), ONE_THREAD):
            await home.residency.hand_over(VARIANT.id, seat)
        changed.set()
        await asyncio.gather(*askers)
    assert all(isinstance(end, Finished) for end in ends), ends
    assert {end.served.device for end in ends if isinstance(end, Finished)} == {"CPU", "CPU, 1 thread"}
    await home.until(lambda: len(home.residency.pids) == 1)
    assert home.residency.seats == {VARIANT.id: ONE_THREAD}


@pytest.mark.parametrize(("fault", "said"), [("refuse", "device_unavailable"), ("dead", "runner_crashed")])
async def test_what_fails_changes_nothing(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    expect_log: Callable[[str], None],
    fault: str,
    said: str,
) -> None:
    if fault == "dead":
        expect_log("runner of nano:a died: signal 6")
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))
    old = await home.ready()
    told = len(home.statuses)
    job = generation("r", 400)
    old.submit(job)
    with pytest.raises(SparkError) as failed:
        await home.residency.hand_over(VARIANT.id, Seat("bad", f"fault:{fault}"))
    assert failed.value.code == said
    assert isinstance((await answer(job))[1], Finished)
    assert home.residency.demand(MODEL, VARIANT) is old and old.is_ready
    assert len(home.statuses) == told, "nobody is told of the trial"
    await home.until(lambda: len(home.residency.pids) == 1)
    assert home.residency.free_memory() == (VARIANT.id,), "it may go again"


async def test_there_must_be_memory_for_both(home: Home) -> None:
    await home.ready()
    home.free = 100_000_000
    with pytest.raises(NotEnoughMemory):
        await home.residency.hand_over(VARIANT.id, ONE_THREAD)
    assert home.device == "CPU"
    home.free = 32 * 10**9
    await home.residency.hand_over(VARIANT.id, ONE_THREAD)
    assert home.device == "CPU, 1 thread"


async def test_unloading_ends_both_runners(home: Home) -> None:
    old = await home.ready()
    job = generation("r", LONG)
    old.submit(job)
    await home.residency.hand_over(VARIANT.id, ONE_THREAD)
    await home.residency.ended(VARIANT.id)
    assert home.residency.pids == {}
    _, end = await answer(job)
    assert isinstance(end, Failed) and end.code == "model_unloaded"
    assert isinstance(home.statuses[-1], Unloaded)


async def test_unloading_amid_the_trial_ends_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))
    await home.ready()
    trial = asyncio.create_task(home.residency.hand_over(VARIANT.id, Seat("deaf", "fault:deaf")))  # noqa: TID251
    await home.until(lambda: len(home.residency.pids) == 2)
    home.residency.unload(VARIANT.id)
    with pytest.raises(SparkError):
        await trial
    await home.until(lambda: home.residency.pids == {})


async def test_cancelling_reaches_a_request_of_the_old_runner(home: Home) -> None:
    old = await home.ready()
    job = generation("r", LONG)
    old.submit(job)
    await home.residency.hand_over(VARIANT.id, ONE_THREAD)
    home.residency.cancel(VARIANT.id, "r")
    _, end = await answer(job)
    assert isinstance(end, Finished) and end.reason == "cancelled"
    await home.until(lambda: len(home.residency.pids) == 1)


async def test_a_model_that_is_not_loaded_has_nothing_to_hand_over(home: Home) -> None:
    await home.residency.hand_over(VARIANT.id, ONE_THREAD)
    assert home.residency.pids == {} and home.statuses == []
