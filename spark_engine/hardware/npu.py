"""Neural processors on Linux, from /sys/class/accel: Intel's tell their busy time, others only that they are there."""

import time
from pathlib import Path

from spark_engine.hardware import sysfs
from spark_engine.hardware.accelerators import Facts, Found
from spark_engine.hardware.drm import bus_of
from spark_engine.types.hardware import AcceleratorReading

_WHY = "The driver does not tell it"
_UNIFIED = "It works in main memory"


class NpuReader:
    """`sys` is where sysfs lies."""

    name = "NPU"

    def __init__(self, sys: Path = sysfs.SYS) -> None:
        self._sys = sys
        self._before: dict[str, tuple[float, int]] = {}

    def read(self, pids: frozenset[int], now: float | None = None) -> Found:
        """The processors now."""
        folders = sorted((self._sys / "class" / "accel").glob("accel[0-9]*"))
        if not folders:
            return Found(reason="There is no NPU that Linux knows.")
        at = time.monotonic() if now is None else now
        return Found(tuple(self._device(folder / "device", at) for folder in folders))

    def _device(self, device: Path, now: float) -> AcceleratorReading:
        facts, bus = Facts(), bus_of(device)
        number = Facts().ask("vendor", lambda: sysfs.number_or_none(device / "vendor"), _WHY)
        vendor = sysfs.VENDORS.get(number or 0, "")
        facts.missing["memory_total_bytes"] = _UNIFIED
        return AcceleratorReading(
            id=f"npu/{bus}",
            kind="npu",
            vendor=vendor,
            name=sysfs.device_name(device, vendor, "NPU"),
            driver=sysfs.driver_of(device),
            load=facts.ask("load", lambda: self._load(device, bus, now), _WHY),
            memory_used_bytes=facts.ask(
                "memory_used_bytes", lambda: sysfs.number_or_none(device / "npu_memory_utilization"), _WHY
            ),
            unified=True,
            mhz=Facts().ask("mhz", lambda: sysfs.number_or_none(device / "npu_current_frequency_mhz"), _WHY),
            missing=facts.missing,
        )

    def _load(self, device: Path, bus: str, now: float) -> float | None:
        """From the microseconds it was busy; None at the first reading and where they are not counted."""
        busy = sysfs.number_or_none(device / "npu_busy_time_us")
        if busy is None:
            return None
        before, self._before[bus] = self._before.get(bus), (now, busy)
        if before is None or now <= before[0]:
            return None
        return min(1.0, max(0, busy - before[1]) / 1e6 / (now - before[0]))
