"""AMD's GPUs on Linux, from sysfs: load, memory, temperature and power as the amdgpu driver tells them."""

from pathlib import Path

from spark_engine.hardware import drm, hwmon, sysfs
from spark_engine.hardware.accelerators import Facts, Found
from spark_engine.types.hardware import AcceleratorReading

VENDOR = 0x1002
_WHY = "The driver does not tell it"


class AmdReader:
    """`sys` and `proc` are where those file systems lie."""

    name = "AMD"

    def __init__(self, sys: Path = sysfs.SYS, proc: Path = drm.PROC) -> None:
        self._sys, self._proc = sys, proc

    def read(self, pids: frozenset[int]) -> Found:
        """The cards now."""
        devices = drm.cards(VENDOR, self._sys)
        if not devices:
            return Found(reason="There is no AMD graphics card.")
        return Found(tuple(self._card(device, pids) for device in devices))

    def _card(self, device: Path, pids: frozenset[int]) -> AcceleratorReading:
        facts, bus, monitor = Facts(), drm.bus_of(device), hwmon.hwmon_of(device)
        busy = facts.ask("load", lambda: sysfs.number_or_none(device / "gpu_busy_percent"), _WHY)
        return AcceleratorReading(
            id=f"amd/{bus}",
            kind="gpu",
            vendor="AMD",
            name=sysfs.device_name(device, "AMD", "GPU"),
            driver=sysfs.driver_of(device),
            load=None if busy is None else min(1.0, busy / 100),
            memory_used_bytes=facts.ask(
                "memory_used_bytes", lambda: sysfs.number_or_none(device / "mem_info_vram_used"), _WHY
            ),
            memory_total_bytes=facts.ask(
                "memory_total_bytes", lambda: sysfs.number_or_none(device / "mem_info_vram_total"), _WHY
            ),
            own_memory_bytes=self._own(bus, pids),
            temperature_c=facts.ask("temperature_c", lambda: hwmon.temperature(monitor), _WHY),
            power_w=facts.ask("power_w", lambda: hwmon.power(monitor), _WHY),
            power_limit_w=Facts().ask("power_limit_w", lambda: hwmon.power(monitor, ("power1_cap",)), _WHY),
            missing=facts.missing,
        )

    def _own(self, bus: str, pids: frozenset[int]) -> int:
        files = [file for pid in pids for file in drm.files_of(pid, self._proc)]
        return sum(client.memory.get("vram", 0) for client in drm.clients(files) if client.bus == bus)
