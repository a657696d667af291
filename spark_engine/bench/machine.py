"""The machine that is measured, as far as it decides how fast models run."""

import os
import platform
import sys
from pathlib import Path

import psutil
from msgspec.structs import replace

from spark_engine.backends.cores import physical_cores
from spark_engine.bench.memory import read_bandwidth
from spark_engine.types.bench import Machine


def this_machine() -> Machine:
    """This machine, with its memory bandwidth measured now."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Machine(
        processor=_processor(),
        system=f"{platform.system()} {platform.machine()}",
        cores=physical_cores(),
        memory_bytes=int(psutil.virtual_memory().total),
        bandwidth=read_bandwidth(physical_cores()),
        load=load,
    )


def measured_again(machine: Machine) -> Machine:
    """The same, with the better of two bandwidths: something else may have run during the first measurement."""
    return replace(machine, bandwidth=max(machine.bandwidth, read_bandwidth(machine.cores)))


def _processor() -> str:
    """The processor's name where the system tells it."""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or "unknown"
