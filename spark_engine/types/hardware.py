"""What this machine has and how busy it is: one reading, and the history of them."""

from typing import Literal

from msgspec import Struct

Span = Literal["minute", "hour", "day"]
AcceleratorKind = Literal["gpu", "npu"]


class Core(Struct, frozen=True):
    """One logical processor: `load` 0..1, `mhz` its frequency now where the system tells."""

    load: float
    mhz: float | None = None


class CpuReading(Struct, frozen=True):
    """The processor. `load` is that of all cores together, 0..1."""

    name: str = ""
    load: float = 0.0
    cores: tuple[Core, ...] = ()


class MemoryReading(Struct, frozen=True):
    """Main memory and swap, in bytes."""

    total_bytes: int = 0
    available_bytes: int = 0
    swap_total_bytes: int = 0
    swap_used_bytes: int = 0


class DiskReading(Struct, frozen=True):
    """The disk that Spark's folder lies on, in bytes; traffic is that of all disks, bytes per second."""

    path: str
    total_bytes: int
    free_bytes: int
    read_per_s: float | None = None
    written_per_s: float | None = None


class AcceleratorReading(Struct, frozen=True):
    """A GPU or NPU. What could not be read is None, and `missing` says why by the field's name.

    `load` is 0..1, memory bytes, `own_memory_bytes` what Spark's processes hold of it. `unified`: it has no memory of
    its own but works in main memory.
    """

    id: str
    kind: AcceleratorKind
    vendor: str
    name: str
    driver: str = ""
    load: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    own_memory_bytes: int | None = None
    unified: bool = False
    temperature_c: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    mhz: float | None = None
    missing: dict[str, str] = {}


class Unread(Struct, frozen=True):
    """A reader that has nothing to show, and the reason in a sentence for people."""

    reader: str
    reason: str


class OwnProcess(Struct, frozen=True):
    """A process of Spark. `role` is `engine`, `readings` or a variant's id; `cpu` its share 0..1 of all cores."""

    pid: int
    role: str
    cpu: float
    memory_bytes: int


class OwnShare(Struct, frozen=True):
    """What Spark's processes take together: `cpu` 0..1 of all cores, resident memory in bytes."""

    cpu: float = 0.0
    memory_bytes: int = 0
    processes: tuple[OwnProcess, ...] = ()


class Work(Struct, frozen=True):
    """What Spark does meanwhile. `first_token_ms`: the mean of the answers that ended since the reading before."""

    tokens_per_second: float = 0.0
    running: int = 0
    waiting: int = 0
    first_token_ms: float | None = None
    download_bytes_per_s: float = 0.0


class HardwareReading(Struct, frozen=True):
    """One reading; `at` is Unix seconds, 0 while there is none. `trouble` says why a part of it is missing."""

    at: float = 0.0
    cpu: CpuReading = CpuReading()
    memory: MemoryReading = MemoryReading()
    disk: DiskReading | None = None
    accelerators: tuple[AcceleratorReading, ...] = ()
    unread: tuple[Unread, ...] = ()
    own: OwnShare = OwnShare()
    work: Work = Work()
    trouble: str = ""


class ProbeRequest(Struct, frozen=True):
    """What the process that reads the hardware is asked: Spark's processes by pid with their roles."""

    roles: dict[int, str]


class HardwareHistory(Struct, frozen=True):
    """Readings of a span, oldest first: a value a time in each column, None where it was not known.

    `times` are Unix seconds at which a step of `step_s` begins; steps without a reading are left out. Columns: `cpu`,
    `cpu_own`, `memory`, `memory_own`, `tokens_per_second`, `first_token_ms`, `running`, `waiting`, `download`, and of
    each accelerator `<id>/load`, `<id>/memory`, `<id>/memory_own`, `<id>/temperature`, in the units of
    `HardwareReading`.
    """

    span: Span
    step_s: float
    times: tuple[float, ...] = ()
    columns: dict[str, tuple[float | None, ...]] = {}


def values(reading: HardwareReading) -> dict[str, float | None]:
    """What is remembered of a reading, by the names of `HardwareHistory`'s columns."""
    memory, own, work = reading.memory, reading.own, reading.work
    found: dict[str, float | None] = {
        "cpu": reading.cpu.load,
        "cpu_own": own.cpu,
        "memory": memory.total_bytes - memory.available_bytes,
        "memory_own": own.memory_bytes,
        "tokens_per_second": work.tokens_per_second,
        "first_token_ms": work.first_token_ms,
        "running": work.running,
        "waiting": work.waiting,
        "download": work.download_bytes_per_s,
    }
    for one in reading.accelerators:
        found |= {
            f"{one.id}/load": one.load,
            f"{one.id}/memory": one.memory_used_bytes,
            f"{one.id}/memory_own": one.own_memory_bytes,
            f"{one.id}/temperature": one.temperature_c,
        }
    return found
