"""What this machine has for acceleration: processor, accelerators, libraries. Reading it imports no model library."""

import sys
from collections.abc import Mapping
from importlib import metadata

from msgspec import Struct

from spark_engine.engine.acceleration_ways import WAYS
from spark_engine.engine.component_list import COMPONENTS, Installation, installation
from spark_engine.hardware.cpu_features import ARM64, cpu_features, machine
from spark_engine.hardware.own_kernels import kernels_version
from spark_engine.hardware.processor import physical_cores, processor_name
from spark_engine.types.components import ComponentEntry
from spark_engine.types.hardware import AcceleratorReading


class Machine(Struct, frozen=True):
    """What decides. `architecture` and `features` of the processor; `accelerators` None: not read yet; what is
    installed by component or distribution; `kernels` changes with Spark's own, empty where it has none."""

    platform: str
    processor: str
    architecture: str
    features: frozenset[str]
    cores: int
    accelerators: tuple[AcceleratorReading, ...] | None
    components: Mapping[str, ComponentEntry]
    installed: Mapping[str, Installation]
    distributions: Mapping[str, str]
    kernels: str = ""

    @property
    def level(self) -> str:
        """The most capable instruction set, as people call it; empty where it is not known."""
        return instruction_level(self.architecture, self.features)


def read_machine(
    components: Mapping[str, ComponentEntry], accelerators: tuple[AcceleratorReading, ...] | None
) -> Machine:
    """The machine now; takes some 50 ms."""
    found = {c.id: i for c in COMPONENTS if (i := installation(c)) is not None}
    wanted = {way.distribution for backend in WAYS for way in backend.ways if way.distribution}
    return Machine(
        sys.platform,
        processor_name(),
        machine(),
        cpu_features(),
        physical_cores(),
        accelerators,
        components,
        found,
        {name: version for name in wanted if (version := _version(name))},
        kernels_version(),
    )


def instruction_level(machine: str, features: frozenset[str]) -> str:
    """The most capable instruction set, as people call it; empty where it is not known."""
    if machine == ARM64:
        return "NEON with dot products" if "asimddp" in features else "NEON"
    known = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX"), ("sse4_2", "SSE4.2"))
    return next((name for feature, name in known if feature in features), "")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
