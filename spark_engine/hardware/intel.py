"""Intel's GPUs on Linux: load from what their users' fdinfo tells, memory, temperature and power from sysfs."""

import time
from pathlib import Path

from msgspec import Struct

from spark_engine.hardware import drm, hwmon, sysfs
from spark_engine.hardware.accelerators import Facts, Found
from spark_engine.types.hardware import AcceleratorReading

VENDOR = 0x8086
LOOK_EVERY = 15
_WHY = "The driver does not tell it"
_NO_LOAD = "It is known from the second reading on"
_UNIFIED = "It works in main memory"


class _Mark(Struct, frozen=True):
    at: float
    clients: dict[str, drm.Client]


class IntelReader:
    """The load is that of the programs this user may look into: all of one's own, not those of other users."""

    name = "Intel"

    def __init__(self, sys: Path = sysfs.SYS, proc: Path = drm.PROC) -> None:
        self._sys, self._proc = sys, proc
        self._energy = hwmon.EnergyMeter()
        self._files: list[Path] = []
        self._count = 0
        self._before: _Mark | None = None

    def read(self, pids: frozenset[int], now: float | None = None) -> Found:
        """The cards now; who uses them is looked up at every fifteenth reading."""
        devices = drm.cards(VENDOR, self._sys)
        if not devices:
            return Found(reason="There is no Intel graphics card.")
        if self._count % LOOK_EVERY == 0:
            self._files = drm.all_files(self._proc)
        self._count += 1
        at = time.monotonic() if now is None else now
        mark = _Mark(at, {f"{c.bus} {c.id}": c for c in drm.clients(self._files)})
        before, self._before = self._before, mark
        return Found(tuple(self._card(device, pids, before, mark) for device in devices))

    def _card(
        self, device: Path, pids: frozenset[int], before: _Mark | None, now: _Mark
    ) -> AcceleratorReading:
        facts, bus, monitor = Facts(), drm.bus_of(device), hwmon.hwmon_of(device)
        total = sysfs.number_or_none(device / "lmem_total_bytes")
        mine = [c for c in now.clients.values() if c.bus == bus]
        if total is None:
            facts.missing["memory_total_bytes"] = _UNIFIED
        return AcceleratorReading(
            id=f"intel/{bus}",
            kind="gpu",
            vendor="Intel",
            name=sysfs.device_name(device, "Intel", "GPU"),
            driver=sysfs.driver_of(device),
            load=facts.ask("load", lambda: load(bus, before, now), _NO_LOAD),
            memory_used_bytes=sum(_held(c) for c in mine),
            memory_total_bytes=total,
            own_memory_bytes=sum(_held(c) for c in mine if c.pid in pids),
            unified=total is None,
            temperature_c=facts.ask("temperature_c", lambda: hwmon.temperature(monitor), _WHY),
            power_w=facts.ask("power_w", lambda: self._energy.power(monitor, now.at), _WHY),
            mhz=sysfs.number_or_none(device.parent / "gt_act_freq_mhz"),
            missing=facts.missing,
        )


def load(bus: str, before: _Mark | None, now: _Mark) -> float | None:
    """The share of time that the busiest engine worked; None without a reading before."""
    if before is None or now.at <= before.at:
        return None
    busy: dict[str, float] = {}
    for key, client in now.clients.items():
        old = before.clients.get(key)
        if client.bus != bus or old is None:
            continue
        for engine, count in client.busy.items():
            whole = (now.at - before.at) * 1e9
            if engine in client.total:
                whole = client.total[engine] - old.total.get(engine, 0)
            if whole > 0:
                share = max(0, count - old.busy.get(engine, 0)) / whole
                busy[engine] = busy.get(engine, 0.0) + share
    return min(1.0, max(busy.values(), default=0.0))


def _held(client: drm.Client) -> int:
    """Video memory where the card has some, else the main memory it uses."""
    video = sum(bytes for region, bytes in client.memory.items() if region.startswith(("local", "vram")))
    return video or sum(client.memory.values())
