"""How fast all cores together can read memory: measured in a process of its own, remembered for this machine.

`python -m spark_engine.hardware.bandwidth` measures and prints a `Measurement` as one line of JSON.
"""

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from spark_engine.hardware.memory import read_memory
from spark_engine.hardware.processor import physical_cores, processor_name
from spark_engine.records import read_record, write_record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK_BYTES = 64 * 1024 * 1024
MOST_BLOCKS = 4
READINGS = 5
_SHARE = 4


class Measurement(Struct, frozen=True):
    """Bytes per second, on the machine of this fingerprint."""

    machine: str
    bytes_per_second: float


def fingerprint() -> str:
    """Processor, usable cores and memory: what the figure depends on."""
    return f"{processor_name()}, {physical_cores()} cores, {round(read_memory().total_bytes / 1e9)} GB"


def remembered(file: Path) -> float:
    """Bytes per second as measured before on this machine; 0 when it was not."""
    found = read_record(file, Measurement, Measurement("", 0.0))
    return found.bytes_per_second if found.machine == fingerprint() else 0.0


def remember(file: Path, measured: Measurement) -> None:
    """Keep a measurement. OSError when it cannot be written."""
    write_record(file, measured)


def read_bandwidth(cores: int) -> float:
    """Bytes per second that `cores` threads read together, each from memory of its own: the best of some readings.

    Every block is larger than caches usually are, and is read by a reduction that numpy does with vector instructions.
    It takes at most a quarter of the free memory. ModuleNotFoundError without numpy.
    """
    import numpy as np

    affordable = read_memory().available_bytes // _SHARE // (cores * BLOCK_BYTES)
    count = cores * max(1, min(MOST_BLOCKS, affordable))
    blocks = [np.zeros(BLOCK_BYTES // 4, np.int32) for _ in range(count)]
    for number, block in enumerate(blocks):
        block.fill(number)  # untouched pages would all be the same page of zeros
    return max(_reading(blocks, cores) for _ in range(READINGS))


def _reading(blocks: "list[NDArray[np.int32]]", cores: int) -> float:
    threads = [threading.Thread(target=_read, args=(blocks[core::cores],)) for core in range(cores)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(block.nbytes for block in blocks) / (time.perf_counter() - began)


def _read(blocks: "list[NDArray[np.int32]]") -> None:
    import numpy as np

    for block in blocks:
        np.bitwise_or.reduce(block)


def main() -> int:
    """Measure and print; the exit status is 1 when it cannot be measured."""
    try:
        measured = Measurement(fingerprint(), read_bandwidth(physical_cores()))
    except (ModuleNotFoundError, MemoryError) as error:
        print(error, file=sys.stderr)
        return 1
    print(msgspec.json.encode(measured).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
