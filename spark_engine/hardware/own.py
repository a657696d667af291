"""What Spark's own processes take of the machine: processor time and resident memory of each."""

import time
from collections.abc import Mapping

import psutil
from msgspec import Struct

from spark_engine.types.hardware import OwnProcess, OwnShare


class _Seen(Struct):
    process: psutil.Process
    at: float
    seconds: float


class OwnReader:
    """Shares of processor time are those since the reading before; 0 for a process that was not there then."""

    def __init__(self) -> None:
        self._cores = psutil.cpu_count() or 1
        self._seen: dict[int, _Seen] = {}

    def read(self, roles: Mapping[int, str]) -> OwnShare:
        """The processes of `roles` by pid; those that are gone are left out."""
        for pid in self._seen.keys() - roles.keys():
            del self._seen[pid]
        found = [one for pid, role in roles.items() if (one := self._read(pid, role)) is not None]
        return OwnShare(
            min(1.0, sum(one.cpu for one in found)), sum(one.memory_bytes for one in found), tuple(found)
        )

    def _read(self, pid: int, role: str) -> OwnProcess | None:
        try:
            seen = self._seen.get(pid)
            process = seen.process if seen else psutil.Process(pid)
            with process.oneshot():
                times, memory = process.cpu_times(), int(process.memory_info().rss)
        except psutil.Error:
            self._seen.pop(pid, None)
            return None
        now, seconds = time.monotonic(), float(times.user + times.system)
        cpu = 0.0
        if seen and now > seen.at:
            cpu = max(0.0, seconds - seen.seconds) / (now - seen.at) / self._cores
        self._seen[pid] = _Seen(process, now, seconds)
        return OwnProcess(pid, role, min(1.0, cpu), memory)
