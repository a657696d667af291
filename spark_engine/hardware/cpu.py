"""The processor's load and frequencies, core by core, from one reading to the next."""

from typing import Any

import psutil

from spark_engine.hardware.processor import processor_name
from spark_engine.types.hardware import Core, CpuReading

FREQUENCIES_EVERY = 5
_IDLE = ("idle", "iowait")
_COUNTED_TWICE = ("guest", "guest_nice")


class CpuReader:
    """Loads are those since the reading before (the first: since this was made)."""

    def __init__(self) -> None:
        self._name = processor_name()
        self._before = psutil.cpu_times(percpu=True)
        self._loads: list[float] = [0.0] * len(self._before)
        self._mhz: list[float | None] = []
        self._count = 0

    def read(self) -> CpuReading:
        """The processor now. Frequencies are looked up at every fifth reading: many cores make that slow."""
        now = psutil.cpu_times(percpu=True)
        if len(now) != len(self._before):  # a core was switched on or off
            self._loads = [0.0] * len(now)
        else:
            self._loads = [
                _load(a, b, last) for a, b, last in zip(self._before, now, self._loads, strict=True)
            ]
        self._before = now
        if self._count % FREQUENCIES_EVERY == 0 or len(self._mhz) != len(now):
            self._mhz = frequencies(len(now))
        self._count += 1
        cores = tuple(Core(load, mhz) for load, mhz in zip(self._loads, self._mhz, strict=True))
        return CpuReading(self._name, sum(self._loads) / max(1, len(self._loads)), cores)


def frequencies(cores: int) -> list[float | None]:
    """MHz of each core; one figure for all where the system tells no more, None where it tells nothing."""
    try:
        told = psutil.cpu_freq(percpu=True) or []
    except (OSError, NotImplementedError, RuntimeError):
        told = []
    found: list[float | None] = [round(one.current) or None for one in told]
    return found if len(found) == cores else [found[0] if found else None] * cores


def _load(before: Any, now: Any, otherwise: float) -> float:
    """The share of time that was not idle; as before when no time was counted in between."""
    spent = {
        kind: max(0.0, getattr(now, kind) - getattr(before, kind))
        for kind in now._fields
        if kind not in _COUNTED_TWICE
    }
    whole = sum(spent.values())
    idle = sum(spent.get(kind, 0.0) for kind in _IDLE)
    return min(1.0, max(0.0, 1 - idle / whole)) if whole > 0 else otherwise
