"""Notices what may make a trial worthless: the machine slept, or its accelerators or their drivers are others."""

import time
from enum import Enum

from spark_engine.types.hardware import HardwareReading

SLEPT_S = 20.0
"""A clock that goes on in sleep gained so much on one that does not: the machine slept, and was not merely busy."""
Identity = tuple[tuple[str, str], ...]


class Noticed(Enum):
    """What a reading of the hardware says beside the one before."""

    NOTHING = 0
    OTHERS = 1
    SLEPT = 2


class Watch:
    """Told of every reading; knows the last."""

    def __init__(self) -> None:
        self._known: Identity | None = None
        self._gap = _asleep_s()

    def notice(self, reading: HardwareReading) -> Noticed:
        """What is new since the reading before; the first one is new itself."""
        known, gap, now, asleep = self._known, self._gap, identity(reading), _asleep_s()
        self._known, self._gap = now, asleep
        if asleep - gap > SLEPT_S:
            return Noticed.SLEPT
        return Noticed.NOTHING if now == known else Noticed.OTHERS


def identity(reading: HardwareReading) -> Identity:
    """Which accelerators there are, with their drivers."""
    return tuple(sorted((one.id, one.driver) for one in reading.accelerators))


def _asleep_s() -> float:
    """Seconds that grow only while the machine sleeps, as far as the system tells clocks apart."""
    with_sleep: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # Linux
    return (time.time() if with_sleep is None else time.clock_gettime(with_sleep)) - time.monotonic()
