"""The machine that is measured, as far as it decides how fast models run."""

import os
import platform

import psutil
from msgspec.structs import replace

from spark_engine.hardware.bandwidth import read_bandwidth
from spark_engine.hardware.processor import physical_cores, processor_name
from spark_engine.types.bench import Machine


def this_machine() -> Machine:
    """This machine, with its memory bandwidth measured now."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Machine(
        processor=processor_name(),
        system=f"{platform.system()} {platform.machine()}",
        cores=physical_cores(),
        memory_bytes=int(psutil.virtual_memory().total),
        bandwidth=read_bandwidth(physical_cores()),
        load=load,
    )


def measured_again(machine: Machine) -> Machine:
    """The same, with the better of two bandwidths: something else may have run during the first measurement."""
    return replace(machine, bandwidth=max(machine.bandwidth, read_bandwidth(machine.cores)))
