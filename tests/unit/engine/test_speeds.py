"""Measured speeds: which generations tell something, what is made of them, and that they are remembered."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.catalog.fit import Facts, predicted_speed
from spark_engine.engine import bandwidth
from spark_engine.engine.speeds import KEPT, Speeds, fading_median
from spark_engine.hardware.bandwidth import Measurement, fingerprint, remember, remembered
from spark_engine.paths import BaseDir
from spark_engine.types.generation import Timings, Usage
from spark_engine.types.requests import RequestEntry, RequestPhase

FACTS = Facts("onnx", 651_000_000, parameters=955_000_000, layers=8, kv_bytes_per_token=32768)
V = "m:onnx"


def done(rate: float, tokens: int = 64, phase: RequestPhase = "finished", model: str = V) -> RequestEntry:
    return RequestEntry("r", model, phase, "", 0.0, 1.0, Usage(5, tokens), Timings(tokens_per_second=rate))


async def test_the_rate_is_a_median_that_one_odd_generation_does_not_move() -> None:
    speeds = Speeds()
    for rate in (20.0, 21.0, 19.0, 20.5, 20.2, 300.0):
        speeds.take(FACTS, "CPU", done(rate))
    assert 19 <= speeds.rate(V) <= 21
    for _ in range(KEPT):
        speeds.take(FACTS, "CPU", done(8.0))
    assert speeds.rate(V) == 8.0


async def test_short_failed_and_timeless_generations_tell_nothing() -> None:
    speeds = Speeds()
    for entry in (done(50.0, tokens=31), done(50.0, phase="failed"), done(0.0), done(9.0, phase="cancelled")):
        speeds.take(FACTS, "CPU", entry)
    assert speeds.rate(V) == 0.0


async def test_devices_are_kept_apart_and_the_last_one_stands_for_the_variant() -> None:
    speeds = Speeds()
    speeds.take(FACTS, "CPU", done(10.0))
    speeds.take(FACTS, "CUDA", done(90.0))
    assert (speeds.rate(V, "CPU"), speeds.rate(V, "CUDA"), speeds.rate(V)) == (10.0, 90.0, 90.0)
    speeds.take(FACTS, "CPU", done(10.0))
    assert speeds.rate(V) == 10.0
    assert speeds.rate(V, "NPU") == 0.0


async def test_speeds_are_remembered_and_a_spoilt_file_only_forgets_them(
    base: BaseDir, expect_log: Callable[[str], None]
) -> None:
    expect_log("is ignored")
    speeds = Speeds(base)
    for rate in (10.0, 12.0, 11.0):
        speeds.take(FACTS, "CPU", done(rate))
    await speeds.close()
    assert Speeds(base).rate(V, "CPU") == speeds.rate(V) == 11.0
    (base.state / "speeds.json").write_bytes(b"{")
    assert Speeds(base).rate(V) == 0.0


async def test_watchers_hear_of_changes_that_are_worth_it() -> None:
    told: list[str] = []
    speeds = Speeds(on_change=told.append)
    for rate in (10.0, 10.1, 10.2):
        speeds.take(FACTS, "CPU", done(rate))
    assert told == [V]
    for _ in range(KEPT):
        speeds.take(FACTS, "CPU", done(20.0))
    assert told == [V, V]


async def test_a_format_learns_its_efficiency_of_large_models_only(base: BaseDir) -> None:
    remember(base.state / "bandwidth.json", Measurement(fingerprint(), 32e9))
    speeds = Speeds(base)
    nano = Facts("onnx", 6_000_000, parameters=5_771_008, layers=6)
    speeds.take(nano, "CPU", done(2000.0, model="nano:onnx"))
    assert speeds.efficiency("onnx") == 0.0
    speeds.take(FACTS, "CPU", done(predicted_speed(FACTS, 32e9, 0.4)))
    assert speeds.efficiency("onnx") == pytest.approx(0.4)
    assert speeds.efficiency("gguf") == 0.0
    await speeds.close()


async def test_the_bandwidth_is_measured_once_by_a_child_and_then_remembered(base: BaseDir) -> None:
    known = asyncio.Event()
    first = bandwidth.Bandwidth(base, known.set)
    assert first.bytes_per_second == 0.0
    first.start(after_s=0.0)
    async with asyncio.timeout(60):
        await known.wait()
    assert 0.5e9 < first.bytes_per_second < 3e12
    await first.close()
    again = bandwidth.Bandwidth(base, lambda: pytest.fail("measured again"))
    assert again.bytes_per_second == first.bytes_per_second
    again.start(after_s=0.0)
    await again.close()


async def test_the_bandwidth_is_not_measured_beside_an_answer(base: BaseDir) -> None:
    known, asked, quiet = asyncio.Event(), [], [False, False, True]

    def is_quiet() -> bool:
        asked.append(base.state.joinpath("bandwidth.json").exists())
        return quiet[len(asked) - 1]

    busy = bandwidth.Bandwidth(base, known.set, is_quiet)
    busy.start(after_s=0.01)
    async with asyncio.timeout(60):
        await known.wait()
    assert asked == [False, False, False]
    await busy.close()


async def test_an_engine_that_stops_early_measures_nothing(base: BaseDir) -> None:
    speeds = Speeds(base)
    speeds.start()
    await asyncio.sleep(0)
    await speeds.close()
    assert not (base.state / "bandwidth.json").exists()


def test_another_machines_bandwidth_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / "bandwidth.json"
    remember(file, Measurement("another machine", 1e9))
    assert remembered(file) == 0.0
    remember(file, Measurement(fingerprint(), 2e9))
    assert remembered(file) == 2e9


@given(st.lists(st.floats(0.1, 1000), min_size=1, max_size=20))
def test_a_fading_median_is_one_of_the_values(values: list[float]) -> None:
    assert fading_median(values) in values
    assert fading_median([*values, *[7.0] * 20]) == 7.0


def test_a_fading_median_follows_a_change_before_most_values_have_changed() -> None:
    assert fading_median([10.0] * 8 + [20.0] * 6) == 20.0
    assert fading_median([10.0] * 8 + [20.0] * 2) == 10.0
    assert fading_median([]) == 0.0
