"""The order in which a remembered reading stands in its row, with places for up to eight accelerators."""

import math
from collections.abc import Sequence

from spark_engine.types.hardware import HardwareReading, values

BASE = tuple(values(HardwareReading()))
OF_ACCELERATOR = ("load", "memory", "memory_own", "temperature")
ACCELERATORS = 8
WIDTH = len(BASE) + ACCELERATORS * len(OF_ACCELERATOR)


def columns(accelerators: Sequence[str]) -> list[str]:
    """The name of every number of a row, `accelerators` being the ids by place; those of free places are empty."""
    ids = [*accelerators, *[""] * (ACCELERATORS - len(accelerators))]
    return [*BASE, *(f"{id}/{part}" if id else "" for id in ids for part in OF_ACCELERATOR)]


def row(reading: HardwareReading, accelerators: Sequence[str]) -> list[float]:
    """The numbers of a reading, NaN where there is none."""
    known = values(reading)
    found = (known.get(name) for name in columns(accelerators))
    return [math.nan if value is None else float(value) for value in found]
