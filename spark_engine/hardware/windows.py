"""GPUs and NPUs on Windows, any vendor: performance counters for what they do, the registry for what they are."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from spark_engine.hardware.accelerators import Found
from spark_engine.hardware.pdh import Query, Samples
from spark_engine.hardware.sysfs import VENDORS
from spark_engine.types.hardware import AcceleratorReading

COUNTERS = (
    r"\GPU Engine(*)\Utilization Percentage",
    r"\GPU Adapter Memory(*)\Dedicated Usage",
    r"\GPU Adapter Memory(*)\Shared Usage",
    r"\GPU Process Memory(*)\Dedicated Usage",
)
ADAPTERS = r"SOFTWARE\Microsoft\DirectX"
SOFTWARE_VENDOR = 0x1414
_LUID = re.compile(r"luid_0x([0-9a-fA-F]+)_0x([0-9a-fA-F]+)")
_PID = re.compile(r"pid_(\d+)_")
_NOT_TOLD = "Windows does not tell it"


class Adapter(Struct, frozen=True):
    """A device as the registry knows it; `luid` is its number until the next start of Windows."""

    luid: int
    name: str
    vendor: int
    memory_bytes: int
    driver: str


class WindowsReader:
    """`open_query` and `list_adapters` give the counters and what the registry knows."""

    name = "Windows"

    def __init__(
        self,
        open_query: Callable[[Sequence[str]], Any] = Query,
        list_adapters: Callable[[], list[Adapter]] | None = None,
    ) -> None:
        self._open, self._list = open_query, list_adapters or registry_adapters
        self._query: Any = None

    def read(self, pids: frozenset[int]) -> Found:
        """The devices now. Load counts from the second reading on."""
        if self._query is None:
            try:
                self._query = self._open(COUNTERS)
            except OSError as error:
                return Found(reason=f"{error}.")
        engines, dedicated, shared, processes = self._query.collect()
        adapters = [one for one in self._list() if one.vendor != SOFTWARE_VENDOR]
        if not adapters:
            return Found(reason="Windows knows no graphics card.")
        loads, held, own = load_by_luid(engines), by_luid(dedicated), by_luid(_of(processes, pids))
        main = by_luid(shared)
        return Found(tuple(_device(one, loads, held, main, own) for one in adapters))


def load_by_luid(engines: Samples) -> dict[int, float]:
    """The load 0..1 of each device: that of its busiest engine, as Windows' task manager has it."""
    busy: dict[tuple[int, str], float] = {}
    for instance, percent in engines:
        if (luid := luid_of(instance)) is not None:
            engine = instance.partition("_phys_")[2]
            busy[luid, engine] = busy.get((luid, engine), 0.0) + percent
    loads: dict[int, float] = {}
    for (luid, _), percent in busy.items():
        loads[luid] = min(1.0, max(loads.get(luid, 0.0), percent / 100))
    return loads


def by_luid(samples: Iterable[tuple[str, float]]) -> dict[int, int]:
    """The sums of each device."""
    sums: dict[int, int] = {}
    for instance, value in samples:
        if (luid := luid_of(instance)) is not None:
            sums[luid] = sums.get(luid, 0) + int(value)
    return sums


def luid_of(instance: str) -> int | None:
    """The device that a counter's instance `pid_4_luid_0x00000000_0x0000D1E3_phys_0…` is about."""
    found = _LUID.search(instance)
    return (int(found[1], 16) << 32) | int(found[2], 16) if found else None


def _of(samples: Samples, pids: frozenset[int]) -> Samples:
    found = ((_PID.search(instance), instance, value) for instance, value in samples)
    return [(instance, value) for match, instance, value in found if match and int(match[1]) in pids]


def _device(
    adapter: Adapter,
    loads: dict[int, float],
    dedicated: dict[int, int],
    shared: dict[int, int],
    own: dict[int, int],
) -> AcceleratorReading:
    luid, npu = adapter.luid, re.search(r"\bNPU\b|AI Boost", adapter.name) is not None
    own_memory = adapter.memory_bytes >= 1 << 29  # less is what integrated graphics set aside
    return AcceleratorReading(
        id=f"windows/{adapter.name}" if luid == 0 else f"windows/{luid:x}",
        kind="npu" if npu else "gpu",
        vendor=VENDORS.get(adapter.vendor, ""),
        name=adapter.name,
        driver=adapter.driver,
        load=loads.get(luid, 0.0),
        memory_used_bytes=dedicated.get(luid, 0) if own_memory else shared.get(luid, 0),
        memory_total_bytes=adapter.memory_bytes if own_memory else None,
        own_memory_bytes=own.get(luid, 0) if own_memory else None,
        unified=not own_memory,
        missing={"temperature_c": _NOT_TOLD, "power_w": _NOT_TOLD},
    )


def registry_adapters(registry: Any = None) -> list[Adapter]:
    """What stands under `HKLM\\SOFTWARE\\Microsoft\\DirectX`; nothing where it cannot be read."""
    if registry is None:
        import winreg as registry
    found = []
    with suppress(OSError), registry.OpenKey(registry.HKEY_LOCAL_MACHINE, ADAPTERS) as top:
        for at in range(registry.QueryInfoKey(top)[0]):
            with suppress(OSError), registry.OpenKey(top, registry.EnumKey(top, at)) as key:
                found.append(_adapter(registry, key))
    return found


def _adapter(registry: Any, key: Any) -> Adapter:
    """OSError when the key is not one of a device."""

    def value(name: str) -> Any:
        return registry.QueryValueEx(key, name)[0]

    version = int(value("DriverVersion"))
    parts = (version >> 48, version >> 32 & 0xFFFF, version >> 16 & 0xFFFF, version & 0xFFFF)
    return Adapter(
        int(value("AdapterLuid")),
        str(value("Description")),
        int(value("VendorId")),
        int(value("DedicatedVideoMemory")),
        ".".join(map(str, parts)),
    )
