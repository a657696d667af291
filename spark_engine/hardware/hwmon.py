"""Temperature and power of a device on Linux, from its hwmon folder."""

import time
from pathlib import Path

from spark_engine.hardware.sysfs import number_or_none


def hwmon_of(device: Path) -> Path | None:
    """The device's hwmon folder, None where its driver makes none."""
    return next(iter(sorted((device / "hwmon").glob("hwmon*"))), None)


def temperature(hwmon: Path | None) -> float | None:
    """Degrees Celsius."""
    value = number_or_none(hwmon / "temp1_input") if hwmon else None
    return None if value is None else value / 1000


def power(hwmon: Path | None, names: tuple[str, ...] = ("power1_average", "power1_input")) -> float | None:
    """Watts, by the first of these files there is."""
    for name in names if hwmon else ():
        assert hwmon is not None
        if (value := number_or_none(hwmon / name)) is not None:
            return value / 1e6
    return None


class EnergyMeter:
    """Watts from counters of energy (`energy1_input`, microjoules): the mean since the reading before."""

    def __init__(self) -> None:
        self._before: dict[Path, tuple[float, int]] = {}

    def power(self, hwmon: Path | None, now: float | None = None) -> float | None:
        """None at the first reading, and where there is no counter."""
        energy = number_or_none(hwmon / "energy1_input") if hwmon else None
        if energy is None or hwmon is None:
            return None
        at = time.monotonic() if now is None else now
        before, self._before[hwmon] = self._before.get(hwmon), (at, energy)
        if before is None or at <= before[0]:
            return None
        return max(0, energy - before[1]) / 1e6 / (at - before[0])
