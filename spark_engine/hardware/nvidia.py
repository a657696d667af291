"""NVIDIA's GPUs by NVML, the driver's own library; a missing driver is an answer."""

from collections.abc import Callable, Iterable
from typing import Any

from spark_engine.hardware.accelerators import Facts, Found
from spark_engine.types.hardware import AcceleratorReading

_NO_LIBRARY = "The NVIDIA driver is not installed, or there is no NVIDIA card."
_REASONS = {
    "NVMLError_LibraryNotFound": _NO_LIBRARY,
    "NVMLError_DriverNotLoaded": "The NVIDIA driver is installed but not loaded; restart the computer.",
    "NVMLError_LibRmVersionMismatch": "The NVIDIA driver was updated; restart the computer to use it.",
    "NVMLError_NoPermission": "This user may not ask the NVIDIA driver.",
}
_WHY = "The driver does not tell it"
_NO_PROCESSES = "The driver does not tell which programs hold memory"


class NvidiaReader:
    """`library` gives the module `pynvml`, or one shaped like it."""

    name = "NVIDIA"

    def __init__(self, library: Callable[[], Any] | None = None) -> None:
        self._library = library or _pynvml
        self._nvml: Any = None
        self._driver = ""

    def read(self, pids: frozenset[int]) -> Found:
        """The GPUs now. After an error the library is opened anew at the next reading."""
        try:
            nvml = self._nvml or self._open()
        except ImportError:
            return Found(reason="The package nvidia-ml-py is missing.")
        if isinstance(nvml, str):
            return Found(reason=nvml)
        try:
            count = nvml.nvmlDeviceGetCount()
            devices = tuple(self._device(nvml, at, pids) for at in range(count))
        except nvml.NVMLError as error:
            self._close()
            return Found(reason=_reason(error))
        return Found(devices, "" if devices else "The NVIDIA driver finds no card.")

    def _open(self) -> Any:
        """The library, ready to be asked; a sentence when it is not."""
        nvml = self._library()
        try:
            nvml.nvmlInit()
            self._driver = _words(nvml.nvmlSystemGetDriverVersion())
        except nvml.NVMLError as error:
            return _reason(error)
        self._nvml = nvml
        return nvml

    def _close(self) -> None:
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            Facts((nvml.NVMLError,)).ask("end", nvml.nvmlShutdown, "")

    def _device(self, nvml: Any, at: int, pids: frozenset[int]) -> AcceleratorReading:
        handle = nvml.nvmlDeviceGetHandleByIndex(at)
        facts, extras = Facts((nvml.NVMLError,)), Facts((nvml.NVMLError,))
        used = facts.ask("load", lambda: nvml.nvmlDeviceGetUtilizationRates(handle), _WHY)
        memory = facts.ask("memory_used_bytes", lambda: nvml.nvmlDeviceGetMemoryInfo(handle), _WHY)
        milliwatts = facts.ask("power_w", lambda: nvml.nvmlDeviceGetPowerUsage(handle), _WHY)
        limit = extras.ask("power_limit_w", lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(handle), _WHY)
        degrees = facts.ask("temperature_c", lambda: nvml.nvmlDeviceGetTemperature(handle, 0), _WHY)
        return AcceleratorReading(
            id="nvidia/" + _words(nvml.nvmlDeviceGetUUID(handle)),
            kind="gpu",
            vendor="NVIDIA",
            name=_words(nvml.nvmlDeviceGetName(handle)),
            driver=self._driver,
            load=None if used is None else used.gpu / 100,
            memory_used_bytes=None if memory is None else int(memory.used),
            memory_total_bytes=None if memory is None else int(memory.total),
            own_memory_bytes=facts.ask("own_memory_bytes", lambda: _own(nvml, handle, pids), _NO_PROCESSES),
            temperature_c=None if degrees is None else float(degrees),
            power_w=None if milliwatts is None else milliwatts / 1000,
            power_limit_w=None if limit is None else limit / 1000,
            mhz=extras.ask("mhz", lambda: nvml.nvmlDeviceGetClockInfo(handle, 0), _WHY),
            missing=facts.missing,
        )


def _own(nvml: Any, handle: Any, pids: frozenset[int]) -> int | None:
    """What the processes hold; None when the driver lists programs but not what they hold (Windows' desktop cards)."""
    held: dict[int, int | None] = {}
    for asked in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses):
        held |= {one.pid: one.usedGpuMemory for one in _mine(asked(handle), pids)}
    known = [bytes for bytes in held.values() if bytes is not None]
    return sum(known) if len(known) == len(held) else None


def _mine(processes: Iterable[Any], pids: frozenset[int]) -> list[Any]:
    return [one for one in processes if one.pid in pids]


def _reason(error: Exception) -> str:
    return _REASONS.get(type(error).__name__, f"The NVIDIA driver says: {error}.")


def _words(told: str | bytes) -> str:
    return told.decode(errors="replace") if isinstance(told, bytes) else told


def _pynvml() -> Any:
    import pynvml

    return pynvml
