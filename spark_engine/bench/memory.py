"""How much memory a process has held at most."""

from collections.abc import Iterable
from pathlib import Path

import psutil


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
