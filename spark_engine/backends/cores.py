"""How many threads a model should compute with."""

import os

import psutil


def physical_cores() -> int:
    """Physical cores this process may use."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return max(1, min(cores, usable))


SMALL_BYTES = 32 * 1024 * 1024


def threads_for(weight_bytes: int) -> int:
    """All physical cores; one for weights so small that sharing the work costs more than it saves."""
    return 1 if weight_bytes < SMALL_BYTES else physical_cores()
