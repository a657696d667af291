"""A real engine whose ONNX backend has choices of a test's own; faulty ones go wrong in real runners."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from spark_engine.engine import acceleration, canary, ladder
from spark_engine.engine.acceleration_machine import Machine
from spark_engine.engine.acceleration_offers import Offer, offers
from spark_engine.engine.acceleration_ways import BackendWays
from spark_engine.engine.canary import Canary
from spark_engine.engine.canary_run import Patience
from spark_engine.engine.engine import Engine
from spark_engine.engine.seats import Seat
from spark_engine.paths import BaseDir
from spark_engine.types.acceleration import AccelerationBackend, AccelerationChoice, find_choice
from spark_engine.types.chat import TextPrompt
from spark_engine.types.generation import (
    Delta,
    Failed,
    Finished,
    GenerationRequest,
    SamplingOptions,
    StopRules,
)
from tests.support.scripted_engine import config_with

FAULTY = Path(__file__).parent / "faulty"
NANO = "spark-nano:onnx-int4"
SHORT = Patience(load_s=20, silence_s=3, total_s=60)


class Extra:
    """What the ONNX backend offers besides the CPU: accelerators with faults, whose key a test may change."""

    def __init__(self, *faults: str) -> None:
        self.faults, self.key = faults, "as it was"

    def __call__(self, backend: BackendWays, machine: Machine) -> list[Offer]:
        real = offers(backend, machine)
        if backend.id != "onnx":
            return real
        return [
            *(o for o in real if o.seat.device == "cpu" or o.choice.id == "genai-cpu"),
            *map(self._offer, self.faults),
        ]

    def _offer(self, fault: str) -> Offer:
        choice = AccelerationChoice(
            fault, fault.title(), "gpu", "Test card", True, True, "driverlib 1", "driver 1"
        )
        return Offer(choice, Seat(fault, f"fault:{fault}"), self.key)


@asynccontextmanager
async def engine_with(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch, extra: Extra | None = None, quiet_s: float = 600
) -> AsyncIterator[Engine]:
    """A started engine in this process. `quiet_s`: after so long a model that stepped down climbs back."""
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))
    monkeypatch.setattr(acceleration, "offers", extra or Extra())
    monkeypatch.setattr(acceleration, "Canary", lambda: Canary(SHORT))
    monkeypatch.setattr(
        canary, "SLOW", 0.3
    )  # a busy machine is no slow choice; the fault "slow" is far below
    monkeypatch.setattr(ladder, "QUIET_S", quiet_s)
    engine = Engine(config_with(models_preload=False), base, "http://127.0.0.1:0")
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


def backend(engine: Engine, id: str = "onnx") -> AccelerationBackend:
    return engine.state.acceleration[id]


def choice(engine: Engine, id: str, of: str = "onnx") -> AccelerationChoice:
    found = find_choice(backend(engine, of), id)
    assert found is not None
    return found


def without_trial(one: AccelerationChoice) -> AccelerationChoice:
    return replace(one, check=None)


async def until(holds: Callable[[], bool], seconds: float = 40) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


async def switched(engine: Engine) -> None:
    """Until the change of the ONNX backend that was begun is over."""
    await until(lambda: backend(engine).switching is None)


async def checked(engine: Engine, id: str) -> AccelerationChoice:
    """The choice once it has a trial and none runs."""
    await until(lambda: choice(engine, id).check is not None and not choice(engine, id).checking)
    return choice(engine, id)


async def ask(
    engine: Engine, tokens: int = 8, id: str = "r", began: asyncio.Event | None = None
) -> tuple[list[int], Finished | Failed]:
    """An answer of spark-nano: all its tokens, and how it ended."""
    stop = StopRules(max_tokens=tokens, ignore_eos=True)
    request = GenerationRequest(id, NANO, TextPrompt("Hello"), SamplingOptions(temperature=0), stop)
    stream = await engine.submit(request)
    told: list[int] = []
    async with asyncio.timeout(60):
        async for event in stream:
            if isinstance(event, Delta):
                told += event.tokens
                if began is not None:
                    began.set()
            else:
                return told, event
    raise AssertionError("no end")
