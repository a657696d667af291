"""The processor: what it is called, and how many cores a program may use."""

import os
import platform
import sys
from pathlib import Path

import psutil


def physical_cores() -> int:
    """Physical cores this process may use."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return max(1, min(cores, usable))


def processor_name() -> str:
    """The processor's name where the system tells it, else `unknown`."""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or "unknown"
