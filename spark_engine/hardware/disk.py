"""The disk that Spark's folder lies on: its room, and the traffic of all disks."""

import time

import psutil

from spark_engine.types.hardware import DiskReading


class DiskReader:
    """Traffic is that since the reading before; None at the first."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._before: tuple[float, int, int] | None = None

    def read(self) -> DiskReading:
        """The disk now; OSError when the folder cannot be asked. A disk that does not answer makes this wait."""
        usage = psutil.disk_usage(self._path)
        read, written = self._traffic()
        return DiskReading(self._path, int(usage.total), int(usage.free), read, written)

    def _traffic(self) -> tuple[float | None, float | None]:
        try:
            counters = psutil.disk_io_counters()
        except (OSError, NotImplementedError, RuntimeError):
            counters = None
        if counters is None:
            return None, None
        now = (time.monotonic(), int(counters.read_bytes), int(counters.write_bytes))
        before, self._before = self._before, now
        if before is None or now[0] - before[0] < 0.01:
            return None, None
        seconds = now[0] - before[0]
        return max(0, now[1] - before[1]) / seconds, max(0, now[2] - before[2]) / seconds
