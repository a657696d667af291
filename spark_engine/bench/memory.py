"""How much memory a process has held at most, and how fast all cores together can read memory."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

BLOCK_BYTES = 64 * 1024 * 1024
READINGS = 5


def peak_bytes(pids: Iterable[int]) -> int:
    """The most resident memory these processes held since they began, summed; what has ended counts nothing."""
    return sum(_peak(pid) for pid in pids)


def _peak(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # no Linux, or gone
    try:
        memory = psutil.Process(pid).memory_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "peak_wset", memory.rss))


def read_bandwidth(cores: int) -> float:
    """Bytes per second that `cores` threads read together, each from memory of its own: the best of some readings.

    Every block is larger than caches usually are, and is read by a reduction that numpy does with vector instructions.
    """
    blocks = [np.zeros(BLOCK_BYTES // 4, np.int32) for _ in range(4 * cores)]
    for number, block in enumerate(blocks):
        block.fill(number)  # untouched pages would all be the same page of zeros
    return max(_reading(blocks, cores) for _ in range(READINGS))


def _reading(blocks: list[NDArray[np.int32]], cores: int) -> float:
    threads = [threading.Thread(target=_read, args=(blocks[core::cores],)) for core in range(cores)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(block.nbytes for block in blocks) / (time.perf_counter() - began)


def _read(blocks: list[NDArray[np.int32]]) -> None:
    for block in blocks:
        np.bitwise_or.reduce(block)
