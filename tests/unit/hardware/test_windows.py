"""Windows: PDH by ctypes against a library shaped like the real one, and samples as its counters name them."""

import ctypes
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from spark_engine.hardware.pdh import Item, Query
from spark_engine.hardware.windows import (
    COUNTERS,
    Adapter,
    WindowsReader,
    load_by_luid,
    luid_of,
    registry_adapters,
)

CARD, NPU, BASIC = 0x0000D1E3, 0x0001A2B4, 0x00010F00
ENGINE = "pid_{pid}_luid_0x00000000_0x{luid:08X}_phys_0_eng_{engine}_engtype_{kind}"
MORE_DATA, NO_DATA, NO_OBJECT = 0x800007D2, 0x800007D5, 0xC0000BB8
ADAPTERS = [
    Adapter(CARD, "AMD Radeon RX 7900 XTX", 0x1002, 24 << 30, "32.0.11021.1011"),
    Adapter(NPU, "Intel(R) AI Boost", 0x8086, 128 << 20, "32.0.100.3104"),
    Adapter(BASIC, "Microsoft Basic Render Driver", 0x1414, 0, "10.0.1.1"),
]


def engine(pid: int, luid: int, number: int, kind: str, percent: float) -> tuple[str, float]:
    return ENGINE.format(pid=pid, luid=luid, engine=number, kind=kind), percent


def memory(luid: int, held: float) -> tuple[str, float]:
    return f"luid_0x00000000_0x{luid:08X}_phys_0", held


ENGINES = [
    engine(4, CARD, 0, "3D", 10.0),
    engine(900, CARD, 0, "3D", 25.5),
    engine(900, CARD, 5, "VideoDecode", 30.0),
    engine(901, NPU, 0, "Compute", 80.0),
    ("a name nobody knows", 99.0),
]


class Recorded:
    """A query that answers what was recorded."""

    def __init__(self, paths: Sequence[str]) -> None:
        assert tuple(paths) == COUNTERS

    def collect(self) -> list[list[tuple[str, float]]]:
        held = [("pid_900_" + memory(CARD, 0)[0], 2e9), ("pid_9001_" + memory(CARD, 0)[0], 1e9)]
        return [ENGINES, [memory(CARD, 5e9), memory(NPU, 1e6)], [memory(CARD, 3e8), memory(NPU, 6e8)], held]


def test_devices_with_what_they_do() -> None:
    card, npu = WindowsReader(Recorded, lambda: ADAPTERS).read(frozenset((900,))).devices
    assert (card.name, card.vendor, card.kind) == ("AMD Radeon RX 7900 XTX", "AMD", "gpu")
    assert card.load == pytest.approx(0.355)
    assert (card.memory_used_bytes, card.memory_total_bytes) == (5_000_000_000, 24 << 30)
    assert card.own_memory_bytes == 2_000_000_000
    assert "temperature_c" in card.missing
    assert (npu.kind, npu.vendor, npu.load, npu.unified) == ("npu", "Intel", 0.8, True)
    assert (npu.memory_used_bytes, npu.memory_total_bytes) == (600_000_000, None)


def test_no_counters_and_no_cards_are_answers() -> None:
    def refuse(paths: Sequence[str]) -> Any:
        raise OSError("Windows' performance counters answer 0xc0000bb8 to open")

    assert "0xc0000bb8" in WindowsReader(refuse, lambda: ADAPTERS).read(frozenset()).reason
    assert WindowsReader(Recorded, lambda: ADAPTERS[2:]).read(frozenset()).reason


def test_loads_of_engines_are_summed_over_programs_and_never_above_one() -> None:
    assert load_by_luid([engine(pid, CARD, 0, "3D", 60.0) for pid in (1, 2)]) == {CARD: 1.0}
    several = [engine(1, CARD, 0, "3D", 10.0), engine(1, CARD, 5, "VideoDecode", 40.0)]
    assert load_by_luid(several) == {CARD: 0.4}
    assert luid_of("luid_0x00000001_0x00000002_phys_0") == (1 << 32) | 2
    assert luid_of("_Total") is None


class FakePdh:
    """Fills buffers as pdh.dll does: items first, then their names."""

    def __init__(self, samples: dict[str, list[tuple[str, float]]], refuses: str = "") -> None:
        self.samples, self.refuses = samples, refuses
        self.paths: list[str] = []
        self.collected = 0

    def PdhOpenQueryW(self, source: Any, user: Any, query: Any) -> int:
        query._obj.value = 1
        return 0

    def PdhAddEnglishCounterW(self, query: Any, path: Any, user: Any, counter: Any) -> int:
        assert query.value == 1
        self.paths.append(path.value)
        counter._obj.value = len(self.paths)
        return ctypes.c_int32(NO_OBJECT).value if path.value == self.refuses else 0

    def PdhCollectQueryData(self, query: Any) -> int:
        self.collected += 1
        return 0

    def PdhGetFormattedCounterArrayW(
        self, counter: Any, form: Any, size: Any, count: Any, buffer: Any
    ) -> int:
        assert form.value == 0x00009200
        samples = self.samples[self.paths[counter.value - 1]]
        if not samples:
            return ctypes.c_int32(NO_DATA).value
        wide = ctypes.sizeof(ctypes.c_wchar)
        names = "".join(name + "\0" for name, _ in samples)
        needed = len(samples) * ctypes.sizeof(Item) + len(names) * wide
        if buffer is None or size._obj.value < needed:
            size._obj.value = needed
            return ctypes.c_int32(MORE_DATA).value
        count._obj.value = len(samples)
        at = ctypes.addressof(buffer) + len(samples) * ctypes.sizeof(Item)
        ctypes.memmove(at, ctypes.create_unicode_buffer(names), len(names) * wide)
        items = ctypes.cast(buffer, ctypes.POINTER(Item))
        for number, (name, value) in enumerate(samples):
            ctypes.memmove(ctypes.addressof(items[number]), ctypes.byref(ctypes.c_void_p(at)), 8)
            items[number].formatted.status = 0 if value >= 0 else 0xC0000BC6
            items[number].formatted.value = value
            at += (len(name) + 1) * wide
        return 0


def test_the_structures_are_those_of_pdh() -> None:
    assert ctypes.sizeof(Item) == 24
    assert (Item.formatted.offset, Item.formatted.size) == (8, 16)


def test_a_query_reads_every_instance_and_leaves_out_those_without_a_value() -> None:
    pdh = FakePdh({"a": [("one", 1.5), ("two", 2.5), ("broken", -1.0)], "b": []})
    query = Query(["a", "b"], pdh)
    assert query.collect() == [[("one", 1.5), ("two", 2.5)], []]
    assert pdh.collected == 2


def test_a_counter_that_windows_does_not_know_is_told() -> None:
    with pytest.raises(OSError, match="0xc0000bb8 to b"):
        Query(["a", "b"], FakePdh({}, refuses="b"))


class FakeRegistry:
    """`winreg` with one key that is a device and one that is not."""

    HKEY_LOCAL_MACHINE = "HKLM"
    KEYS = {
        "{1}": {
            "AdapterLuid": CARD,
            "Description": "AMD Radeon",
            "VendorId": 0x1002,
            "DedicatedVideoMemory": 24 << 30,
            "DriverVersion": 32 << 48 | 11021 << 16 | 1011,
        },
        "{2}": {"Description": "no device"},
    }

    @contextmanager
    def OpenKey(self, top: Any, name: str) -> Any:
        if name == r"SOFTWARE\Microsoft\DirectX":
            assert top == "HKLM"
            yield "DirectX"
        else:
            yield name

    def QueryInfoKey(self, key: str) -> tuple[int, int, int]:
        return len(self.KEYS), 0, 0

    def EnumKey(self, key: str, at: int) -> str:
        return list(self.KEYS)[at]

    def QueryValueEx(self, key: str, name: str) -> tuple[Any, int]:
        if name not in self.KEYS[key]:
            raise FileNotFoundError(name)
        return self.KEYS[key][name], 1


def test_the_registry_tells_names_memory_and_drivers() -> None:
    assert registry_adapters(FakeRegistry()) == [
        Adapter(CARD, "AMD Radeon", 0x1002, 24 << 30, "32.0.11021.1011")
    ]
