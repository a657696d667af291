"""A supervisor with real runner processes: crashes, restarts, the crash loop, unloading amid work."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from spark_engine.engine import backoff
from spark_engine.engine.generation import Generation
from spark_engine.engine.supervisor import Supervisor
from spark_engine.errors import Unavailable
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.chat import TextPrompt
from spark_engine.types.generation import Delta, Failed, Finished, GenerationRequest, SamplingOptions
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    Ready,
    Restarting,
    Unloaded,
    Unloading,
    VariantStatus,
)
from spark_engine.types.requests import RequestEntry

PLAN = LoadPlan("echo:slow", "echo", "?delay_ms=20")


class Rows:
    """Keeps the final row of every generation."""

    def __init__(self) -> None:
        self.final: list[RequestEntry] = []
        self.tokens = 0

    def changed(self, entry: RequestEntry) -> None:
        """Nothing to keep."""

    def decoded(self, count: int) -> None:
        """Count them."""
        self.tokens += count

    def ended(self, entry: RequestEntry) -> None:
        """Keep it."""
        self.final.append(entry)


@pytest.fixture
async def supervised() -> AsyncIterator[tuple[Supervisor, list[VariantStatus]]]:
    statuses: list[VariantStatus] = []
    supervisor = Supervisor(PLAN, statuses.append)
    yield supervisor, statuses
    await supervisor.unload()


def generation(rows: Rows, text: str = "word " * 100) -> Generation:
    request = GenerationRequest("r", "echo:slow", TextPrompt(text), SamplingOptions(temperature=0))
    return Generation(request, "echo:slow", rows)


async def last_event(generation: Generation) -> Delta | Finished | Failed:
    async with asyncio.timeout(20):
        return [event async for event in generation.mailbox][-1]


async def first_delta(generation: Generation) -> None:
    async with asyncio.timeout(20):
        async for _ in generation.mailbox:
            return


async def left_ready(supervisor: Supervisor) -> None:
    async with asyncio.timeout(20):
        while isinstance(supervisor.status, Ready):  # noqa: ASYNC110 - only `moving` statuses can be awaited
            await asyncio.sleep(0.01)


def kinds(statuses: list[VariantStatus]) -> list[type]:
    """The statuses' types without repetitions."""
    found: list[type] = []
    for status in statuses:
        if not found or found[-1] is not type(status):
            found.append(type(status))
    return found


async def test_a_generation_from_start_to_end(supervised: tuple[Supervisor, list[VariantStatus]]) -> None:
    supervisor, statuses = supervised
    supervisor.load()
    await supervisor.ready()
    rows = Rows()
    short = generation(rows, "hello")
    supervisor.submit(short)
    started = await short.started
    end = await last_event(short)
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.prompt_tokens) == ("stop", started.prompt_tokens)
    assert end.usage.completion_tokens >= rows.tokens == len("hello")
    assert end.timings.first_token_ms >= end.timings.prefill_ms > 0
    assert [r.phase for r in rows.final] == ["finished"]
    await supervisor.unload()
    assert kinds(statuses) == [Loading, Ready, Unloading, Unloaded]


async def test_a_killed_runner_fails_its_work_and_comes_back(
    supervised: tuple[Supervisor, list[VariantStatus]], expect_log: Callable[[str], None]
) -> None:
    expect_log("runner of echo:slow died: signal 9")
    supervisor, statuses = supervised
    supervisor.load()
    ready = await supervisor.ready()
    rows = Rows()
    long = generation(rows)
    supervisor.submit(long)
    await first_delta(long)
    os.kill(ready.pid, signal.SIGKILL)
    end = await last_event(long)
    assert isinstance(end, Failed)
    assert end.code == "runner_crashed"
    assert [(r.phase, r.error_code) for r in rows.final] == [("failed", "runner_crashed")]
    again = await supervisor.ready()
    assert again.pid != ready.pid
    assert kinds(statuses) == [Loading, Ready, Restarting, Loading, Ready]


async def test_a_runner_that_keeps_dying_is_given_up_until_asked_again(
    supervised: tuple[Supervisor, list[VariantStatus]],
    monkeypatch: pytest.MonkeyPatch,
    expect_log: Callable[[str], None],
) -> None:
    expect_log("runner of echo:slow died: signal 9")
    monkeypatch.setattr(backoff, "FIRST_DELAY_S", 0.01)
    supervisor, statuses = supervised
    supervisor.load()
    for _ in range(backoff.MOST_RESTARTS + 1):
        os.kill((await supervisor.ready()).pid, signal.SIGKILL)
        await left_ready(supervisor)
    with pytest.raises(Unavailable) as refused:
        await supervisor.ready()
    assert refused.value.code == "runner_crash_loop"
    assert isinstance(statuses[-1], LoadFailed)
    with pytest.raises(Unavailable):
        supervisor.refuse_after_failure()
    supervisor.load()
    assert isinstance(await supervisor.ready(), Ready)


async def test_unloading_fails_the_work_and_ends_the_process(
    supervised: tuple[Supervisor, list[VariantStatus]],
) -> None:
    supervisor, _ = supervised
    supervisor.load()
    await supervisor.ready()
    long = generation(Rows())
    supervisor.submit(long)
    await first_delta(long)
    await supervisor.unload()
    end = await last_event(long)
    assert isinstance(end, Failed)
    assert end.code == "model_unloaded"
    assert supervisor.pid is None
    with pytest.raises(Unavailable):
        await supervisor.ready()


async def test_cancelling_ends_within_a_step(supervised: tuple[Supervisor, list[VariantStatus]]) -> None:
    supervisor, _ = supervised
    supervisor.load()
    await supervisor.ready()
    rows = Rows()
    long = generation(rows)
    supervisor.submit(long)
    await first_delta(long)
    before = rows.tokens
    supervisor.cancel(long.id)
    end = await last_event(long)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"
    assert end.usage.completion_tokens <= before + 3
