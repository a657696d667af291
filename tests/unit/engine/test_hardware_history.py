"""Readings remembered: means of every span, gaps, ends without notice, torn slots and files of somebody else."""

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from spark_engine.engine.hardware_columns import ACCELERATORS
from spark_engine.engine.hardware_history import _SLOT, FILE_BYTES, HEAD_BYTES, MOST_TORN, History
from spark_engine.types.hardware import (
    AcceleratorReading,
    CpuReading,
    HardwareReading,
    MemoryReading,
    OwnShare,
    Work,
    values,
)

BEGIN = 1_795_000_080.0  # a multiple of 120


def reading(at: float, load: float = 0.5, **changed: object) -> HardwareReading:
    base = HardwareReading(
        at, CpuReading("x", load), MemoryReading(1000, 400), own=OwnShare(0.25, 300), work=Work(8.0, 2, 1)
    )
    return replace(base, **changed)


def card(id: str = "a/1", load: float | None = 0.5) -> AcceleratorReading:
    return AcceleratorReading(id, "gpu", "AMD", "Card", "", load, 80, 100, 60, temperature_c=50.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hardware.ring"


_open: list[History] = []


@pytest.fixture(autouse=True)
def _closed_at_the_end() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


def opened(file: Path) -> History:
    history = History(file)
    history.open()
    _open.append(history)
    return history


def test_a_minute_holds_every_second_as_it_was(file: Path) -> None:
    history = opened(file)
    for second in range(5):
        history.add(reading(BEGIN + second + 0.3, second / 10, accelerators=(card(),)))
    minute = history.span("minute", BEGIN + 5)
    assert (minute.span, minute.step_s) == ("minute", 1.0)
    assert minute.times == tuple(BEGIN + second for second in range(5))
    assert minute.columns["cpu"] == (0.0, 0.1, 0.2, 0.3, 0.4)
    assert minute.columns["memory"] == (600.0,) * 5
    assert minute.columns["memory_own"] == (300.0,) * 5
    assert minute.columns["a/1/memory_own"] == (60.0,) * 5
    assert minute.columns["first_token_ms"] == (None,) * 5
    assert minute.columns.keys() == values(reading(BEGIN, accelerators=(card(),))).keys()


def test_longer_spans_hold_means_and_nothing_is_not_zero(file: Path) -> None:
    history = opened(file)
    for second in range(240):
        first = 100.0 if second == 3 else None
        work = Work(first_token_ms=first)
        history.add(reading(BEGIN + second, 0.2 if second < 120 else 0.6, work=work))
    hour, day = history.span("hour", BEGIN + 240), history.span("day", BEGIN + 240)
    assert (len(hour.times), hour.step_s) == (24, 10.0)
    assert hour.columns["first_token_ms"] == (100.0,) + (None,) * 23
    assert day.times == (BEGIN, BEGIN + 120)
    assert day.columns["cpu"] == pytest.approx((0.2, 0.6))


def test_steps_without_a_reading_are_left_out_and_old_ones_fall_away(file: Path) -> None:
    history = opened(file)
    for at in (0, 1, 30, 65):
        history.add(reading(BEGIN + at))
    assert history.span("minute", BEGIN + 66).times == (BEGIN + 30, BEGIN + 65)
    assert history.span("minute", BEGIN + 600).times == ()
    assert len(history.span("hour", BEGIN + 600).times) == 3


def test_readings_of_a_clock_that_was_set_back_are_not_shown_as_the_future(file: Path) -> None:
    history = opened(file)
    history.add(reading(BEGIN + 50))
    history.add(reading(BEGIN))
    assert history.span("minute", BEGIN + 1).times == (BEGIN,)


def test_it_survives_an_end_without_notice(file: Path) -> None:
    history = opened(file)
    history.add(reading(BEGIN, 0.25, accelerators=(card("a/1"), card("b/2", None))))
    again = opened(file)  # nobody closed it
    minute = again.span("minute", BEGIN + 1)
    assert minute.columns["cpu"] == (0.25,)
    assert (minute.columns["a/1/load"], minute.columns["b/2/load"]) == ((0.5,), (None,))
    again.add(reading(BEGIN + 1, accelerators=(card("b/2", 0.75),)))
    minute = again.span("minute", BEGIN + 2)
    assert (minute.columns["a/1/load"], minute.columns["b/2/load"]) == ((0.5, None), (None, 0.75))
    assert file.stat().st_size == FILE_BYTES


def test_more_accelerators_than_places_are_not_remembered_and_harm_nothing(file: Path) -> None:
    history = opened(file)
    many = tuple(card(f"a/{number}") for number in range(ACCELERATORS + 3))
    history.add(reading(BEGIN, accelerators=many))
    columns = opened(file).span("minute", BEGIN + 1).columns
    assert f"a/{ACCELERATORS - 1}/load" in columns
    assert f"a/{ACCELERATORS}/load" not in columns


def test_a_torn_slot_is_a_gap(file: Path) -> None:
    history = opened(file)
    for second in range(3):
        history.add(reading(BEGIN + second))
    content = bytearray(file.read_bytes())
    place = HEAD_BYTES + round(BEGIN + 1) % 60 * _SLOT.size
    content[place + 10] ^= 0xFF
    file.write_bytes(content)
    assert opened(file).span("minute", BEGIN + 3).times == (BEGIN, BEGIN + 2)


@pytest.mark.parametrize("how", ["short", "empty", "magic", "head", "slots", "no list"])
def test_a_broken_file_is_set_aside_and_a_new_one_begun(
    file: Path, how: str, expect_log: Callable[[str], None]
) -> None:
    expect_log("is set aside")
    history = opened(file)
    for second in range(30):
        history.add(reading(BEGIN + second))
    content = bytearray(file.read_bytes())
    match how:
        case "short":
            del content[-1:]
        case "empty":
            content.clear()
        case "magic":
            content[0] ^= 1
        case "head":
            content[16] ^= 1
        case "no list":
            content[: 16 + 4] = struct.pack("<8sII", b"SPARKHW1", zlib.crc32(b"{}  "), 4) + b"{}  "
        case "slots":
            for number in range(MOST_TORN + 1):
                content[HEAD_BYTES + round(BEGIN + number) % 60 * _SLOT.size] ^= 1
    file.write_bytes(content)
    again = opened(file)
    assert again.span("minute", BEGIN + 30).times == ()
    assert file.with_suffix(".broken").read_bytes() == content
    again.add(reading(BEGIN))
    assert opened(file).span("minute", BEGIN + 1).times == (BEGIN,)


def test_where_nothing_can_be_written_it_is_remembered_for_now(
    tmp_path: Path, expect_log: Callable[[str], None]
) -> None:
    expect_log("cannot be (read|written)")
    (tmp_path / "state").write_text("not a folder")
    history = opened(tmp_path / "state" / "hardware.ring")
    history.add(reading(BEGIN))
    assert history.span("minute", BEGIN + 1).times == (BEGIN,)


def test_values_name_every_column_once() -> None:
    named = values(reading(BEGIN, accelerators=(card(),)))
    assert named["a/1/temperature"] == 50.0
    assert not any(value is not None and math.isnan(value) for value in named.values())
