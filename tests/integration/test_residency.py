"""Which models stay in memory, with real runners of spark-nano: time to live, pins, room made on demand, refusals."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from spark_engine.config.load import Config, load_config
from spark_engine.engine.generation import Generation
from spark_engine.engine.load_options import SavedOptions
from spark_engine.engine.residency import Residency
from spark_engine.engine.speeds import Speeds
from spark_engine.engine.supervisor import Supervisor
from spark_engine.errors import InvalidRequest, NotEnoughMemory
from spark_engine.hardware.memory import Memory, held_by
from spark_engine.paths import BaseDir, resources
from spark_engine.types.chat import TextPrompt
from spark_engine.types.generation import Failed, Finished, GenerationRequest, SamplingOptions, StopRules
from spark_engine.types.inspection import Inspection
from spark_engine.types.models import ModelEntry, Ready, Unloaded, VariantEntry, VariantStatus
from spark_engine.types.options import LoadOptions
from spark_engine.types.requests import RequestEntry

NANO = str(resources() / "spark_nano" / "onnx-int4")
VARIANTS = tuple(VariantEntry(f"nano:{name}", "onnx", "int4", 6_000_000, Unloaded(), NANO) for name in "abc")
MODEL = ModelEntry("nano", "Nano", "phi", "MIT", "", 5_771_008, 4096, VARIANTS)
A, B, C = VARIANTS
HUGE = VariantEntry("huge:q4", "gguf", "Q4_0", 500_000_000_000, Unloaded(), "/nowhere.gguf")
HUGE_MODEL = ModelEntry("huge", "Huge", "llama", "", "", 0, 131072, (HUGE,))
GB = 10**9
ROOMY = Memory(64 * GB, 32 * GB)


class Rows:
    """Nobody who is told about requests."""

    def changed(self, entry: RequestEntry) -> None:
        """Nothing to keep."""

    def decoded(self, count: int) -> None:
        """Nothing to count."""

    def ended(self, entry: RequestEntry) -> None:
        """Nothing to keep."""


class Home:
    """A residency and what became of its variants."""

    def __init__(self, residency: Residency) -> None:
        self.residency = residency
        self.statuses: list[tuple[str, VariantStatus]] = []

    def told(self, id: str, status: VariantStatus) -> None:
        self.statuses.append((id, status))

    async def ready(self, variant: VariantEntry) -> Supervisor:
        supervisor = self.residency.demand(MODEL, variant)
        async with asyncio.timeout(60):
            await supervisor.ready()
        return supervisor

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.01)

    @property
    def loaded(self) -> set[str]:
        return {v.id for v in VARIANTS if isinstance(self.residency.status(v.id), Ready)}


@pytest.fixture
async def home(base: BaseDir) -> AsyncIterator[Callable[..., Home]]:
    made: list[Home] = []

    def make(
        inspect: Callable[[VariantEntry], Inspection | None] = lambda variant: None,
        memory: Memory = ROOMY,
        speeds: Speeds | None = None,
        **settings: int,
    ) -> Home:
        config = config_of(base, **settings)
        found = Home(None)  # type: ignore[arg-type]
        options = SavedOptions(config, base)
        found.residency = Residency(
            config, found.told, options=options, speeds=speeds, inspect=inspect, memory=lambda: memory
        )
        made.append(found)
        return found

    yield make
    for one in made:
        await one.residency.close()


def config_of(base: BaseDir, **settings: int) -> Config:
    return load_config(base.settings_file, {}, {k.replace("__", "."): v for k, v in settings.items()})


def generation(id: str, variant: str, tokens: int) -> Generation:
    stop = StopRules(max_tokens=tokens, ignore_eos=True)
    request = GenerationRequest(id, variant, TextPrompt("Hello"), SamplingOptions(temperature=0), stop)
    return Generation(request, variant, Rows())


async def end_of(job: Generation) -> Finished | Failed:
    async with asyncio.timeout(60):
        async for event in job.mailbox:
            if isinstance(event, Finished | Failed):
                return event
    raise AssertionError("no end")


async def test_an_idle_model_goes_when_its_time_is_over_and_not_while_it_works(
    home: Callable[..., Home],
) -> None:
    here = home(models__keep_alive_s=1)
    supervisor = await here.ready(A)
    long = generation("r", A.id, 3000)
    began = time.monotonic()
    supervisor.submit(long)
    assert isinstance(await end_of(long), Finished)
    worked_s = time.monotonic() - began
    assert worked_s > 1.2, "it must work longer than its time to live for this test to tell anything"
    assert here.loaded == {A.id}
    ended = time.monotonic()
    await here.until(lambda: isinstance(here.residency.status(A.id), Unloaded))
    assert 0.9 < time.monotonic() - ended < 10
    assert here.residency.pids == {}


async def test_a_pin_holds_against_time_and_against_freeing_memory(home: Callable[..., Home]) -> None:
    here = home(models__keep_alive_s=1)
    here.residency.options.save(A.id, LoadOptions(pinned=True))
    here.residency.options.save(C.id, LoadOptions(keep_alive_s=0))
    for variant in VARIANTS:
        await here.ready(variant)
    await here.until(lambda: B.id not in here.loaded)
    await asyncio.sleep(0.5)
    assert here.loaded == {A.id, C.id}
    assert here.residency.free_memory() == (C.id,)
    await here.until(lambda: here.loaded == {A.id})
    here.residency.options.save(A.id, LoadOptions())
    here.residency.options_changed(A.id)
    await here.until(lambda: not here.loaded)


async def test_a_load_on_demand_makes_room_within_the_budget(home: Callable[..., Home]) -> None:
    here = home(models__memory_mb=320)
    await here.ready(A)
    await asyncio.sleep(0.05)
    await here.ready(B)
    assert here.loaded == {A.id, B.id}, "two of them fit into the budget"
    await asyncio.sleep(2.0)  # longer than what their loads may differ by
    job = generation("r", A.id, 8)
    (await here.ready(A)).submit(job)
    await end_of(job)
    await here.ready(C)
    assert here.loaded == {A.id, C.id}, "the one that was idle the longest went"
    order = [(id, type(status).__name__) for id, status in here.statuses]
    assert order.index((B.id, "Unloaded")) < order.index((C.id, "Ready"))
    assert "making room" in {getattr(status, "step", "") for _, status in here.statuses}


async def test_neither_running_nor_pinned_models_go_for_another(home: Callable[..., Home]) -> None:
    here = home(models__memory_mb=320)
    here.residency.options.save(A.id, LoadOptions(pinned=True))
    await here.ready(A)
    supervisor = await here.ready(B)
    long = generation("r", B.id, 3500)
    supervisor.submit(long)
    with pytest.raises(NotEnoughMemory) as refused:
        here.residency.demand(MODEL, C)
    assert "models.memory_mb" in refused.value.remedy
    assert here.loaded == {A.id, B.id}
    supervisor.cancel("r")
    assert isinstance(await end_of(long), Finished)
    await here.ready(C)
    assert here.loaded == {A.id, C.id}


def inspected(variant: VariantEntry) -> Inspection | None:
    """Only the huge model was read."""
    if variant.id != HUGE.id:
        return None
    return Inspection(
        "gguf", "/nowhere.gguf", ("nowhere.gguf",), 500 * GB, 500 * GB, parameters=900 * GB,
        context=131072, layers=80, hidden=8192, vocabulary=128_000, kv_bytes_per_token=327_680,
    )  # fmt: skip


async def test_a_model_that_cannot_fit_is_refused_at_once_with_the_numbers(home: Callable[..., Home]) -> None:
    here = home(inspected)
    await here.ready(A)
    began = time.perf_counter()
    with pytest.raises(NotEnoughMemory) as refused:
        here.residency.load(HUGE_MODEL, HUGE)
    assert time.perf_counter() - began < 1.0
    error = refused.value
    assert (error.code, error.status) == ("not_enough_memory", 503)
    assert "needs 50" in error.message and " GB; 32 GB can be made free" in error.message
    assert "fits with no context" in error.message
    assert error.fit.verdict == "too_large"
    assert here.loaded == {A.id}, "nothing goes for a load that is refused"
    assert here.residency.status(HUGE.id) is None


async def test_too_much_context_is_refused_with_the_largest_that_fits(home: Callable[..., Home]) -> None:
    here = home(inspected, Memory(512 * GB, 503 * GB))
    here.residency.options.save("huge", LoadOptions(context=32768))
    with pytest.raises(NotEnoughMemory) as refused:
        here.residency.load(HUGE_MODEL, HUGE)
    largest = refused.value.fit.largest_context
    assert 1024 <= largest < 32768 and largest % 256 == 0
    assert f"a context of {largest} tokens" in refused.value.message
    assert str(largest) in refused.value.remedy
    tried = here.residency.fit(HUGE_MODEL, HUGE, LoadOptions(context=largest))
    assert (tried.verdict, tried.context) == ("fits", largest)
    assert here.residency.fit(HUGE_MODEL, HUGE).verdict == "smaller_context"
    assert here.residency.options.saved("huge").context == 32768, "a dry run saves nothing"
    with pytest.raises(InvalidRequest) as wrong:
        here.residency.fit(HUGE_MODEL, HUGE, LoadOptions(slots=1000))
    assert wrong.value.param == "slots"


async def test_a_context_that_nobody_chose_is_shortened_to_what_fits(home: Callable[..., Home]) -> None:
    here = home(memory=Memory(GB, 184_000_000))
    fit = here.residency.fit(MODEL, A)
    assert (fit.verdict, fit.context) == ("smaller_context", 4096)
    assert 1024 <= fit.largest_context < 4096
    ready = await (await here.ready(A)).ready()
    assert ready.context == fit.largest_context
    here.residency.unload(A.id)
    await here.until(lambda: not here.loaded)
    here.residency.options.save(A.id, LoadOptions(context=4096))
    with pytest.raises(NotEnoughMemory):
        here.residency.load(MODEL, A)


async def test_options_reach_the_runner(home: Callable[..., Home]) -> None:
    here = home()
    here.residency.options.save("nano", LoadOptions(slots=2, context=512, cache_mb=64, threads=1))
    supervisor = await here.ready(A)
    ready = await supervisor.ready()
    assert (ready.slots, ready.context) == (2, 512)
    plan = supervisor.plan
    assert (plan.threads, plan.kv_bytes, plan.prompt_lookup) == (1, 64 * 1024 * 1024, True)


async def test_two_loads_at_once_do_not_count_on_the_same_memory(home: Callable[..., Home]) -> None:
    here = home(memory=Memory(GB, 300_000_000))
    here.residency.load(MODEL, A)
    with pytest.raises(NotEnoughMemory):
        here.residency.load(MODEL, B)


async def test_what_is_loaded_claims_what_it_really_holds(home: Callable[..., Home]) -> None:
    here = home(models__memory_mb=4000)
    before = here.residency.free_bytes
    here.residency.options.save("nano", LoadOptions(pinned=True))
    supervisor = await here.ready(A)
    taken = before - here.residency.free_bytes
    held = held_by(supervisor.pid)
    assert held.own <= taken <= held.own + held.mapped + 26_000_000
    assert here.residency.fit(MODEL, A).verdict == "fits"
    here.residency.unload(A.id)
    await here.until(lambda: not here.residency.pids)
    assert here.residency.free_bytes == before


async def test_speeds_are_measured_of_generations_that_run_alone_and_remembered(
    home: Callable[..., Home], base: BaseDir
) -> None:
    speeds = Speeds(base)
    here = home(speeds=speeds)
    supervisor = await here.ready(A)
    together = [generation(f"r{n}", A.id, 200) for n in range(2)]
    for job in together:
        supervisor.submit(job)
    for job in together:
        await end_of(job)
    assert speeds.rate(A.id) == 0.0, "beside another it was slower than alone"
    short, alone = generation("short", A.id, 20), generation("alone", A.id, 64)
    supervisor.submit(short)
    await end_of(short)
    assert speeds.rate(A.id) == 0.0
    supervisor.submit(alone)
    end = await end_of(alone)
    assert isinstance(end, Finished)
    assert speeds.rate(A.id, "CPU") == pytest.approx(end.timings.tokens_per_second)
    told = here.residency.fit(MODEL, A)
    assert (told.tokens_per_second, told.measured) == (speeds.rate(A.id), True)
    assert here.residency.fits([MODEL])[B.id].measured is False
    await speeds.close()
    assert Speeds(base).rate(A.id) == speeds.rate(A.id)


async def test_closing_while_room_is_made_leaves_no_process(home: Callable[..., Home]) -> None:
    here = home(models__memory_mb=250)
    await here.ready(A)
    here.residency.load(MODEL, B)
    await here.residency.close()
    assert here.residency.pids == {}
    assert isinstance(here.residency.status(B.id), Unloaded)
