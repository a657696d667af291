"""Readings of a workstation as the Hardware page's tests need them: sixteen cores, a GPU, an NPU."""

import math

from msgspec.structs import replace

from spark_engine.types.hardware import (
    AcceleratorReading,
    Core,
    CpuReading,
    DiskReading,
    HardwareHistory,
    HardwareReading,
    MemoryReading,
    OwnProcess,
    OwnShare,
    Span,
    Unread,
    Work,
    values,
)

GPU = AcceleratorReading(
    "nvidia/GPU-1", "gpu", "NVIDIA", "GeForce RTX 4070", "555.42.02", 0.63,
    5_100_000_000, 12_900_000_000, 3_400_000_000, False, 62.0, 140.0, 200.0, 1920.0,
)  # fmt: skip
NPU = AcceleratorReading(
    "npu/0000:00:0b.0", "npu", "Intel", "AI Boost", load=0.12, unified=True,
    missing={
        "temperature_c": "The driver does not tell it",
        "power_w": "The driver does not tell it",
        "memory_total_bytes": "It works in main memory",
    },
)  # fmt: skip
NOTHING = (
    Unread("NVIDIA", "The NVIDIA driver is not installed."),
    Unread("AMD", "There is no AMD graphics card."),
)


def reading(at: float, *devices: AcceleratorReading, **changed: object) -> HardwareReading:
    """A reading at this Unix time, with these GPUs and NPUs."""
    own = OwnShare(
        0.12, 1_300_000_000, (OwnProcess(1, "engine", 0.01, 1e8), OwnProcess(2, "m:v", 0.11, 1.2e9))
    )  # type: ignore[arg-type]
    made = HardwareReading(
        at,
        CpuReading("Ryzen 7", 0.34, tuple(Core(number / 16, 3200.0) for number in range(16))),
        MemoryReading(25_000_000_000, 15_800_000_000, 8_000_000_000, 1_200_000_000),
        DiskReading("/home/ada/spark", 512_000_000_000, 73_000_000_000, 2e6, 12e6),
        devices,
        (),
        own,
        Work(31.0, 2, 1, 120.0, 12e6),
    )
    return replace(made, **changed)


def history(span: Span, times: list[float]) -> HardwareHistory:
    """What the engine remembers when it read at these times."""
    rows = [values(reading(at, GPU)) for at in times]
    step = {"minute": 1.0, "hour": 10.0, "day": 120.0}[span]
    columns = {name: tuple(row[name] for row in rows) for name in (rows[0] if rows else {})}
    return HardwareHistory(span, step, tuple(map(math.floor, times)), columns)
