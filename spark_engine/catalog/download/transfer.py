"""Fetches the files of a plan, several at a time, and says how far it is."""

import queue
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from spark_engine.catalog.download.fetch import FileFetch, Stopped
from spark_engine.catalog.download.messages import Progress
from spark_engine.catalog.download.meter import Meter
from spark_engine.catalog.download.plan import Plan
from spark_engine.catalog.hub.client import Hub
from spark_engine.errors import SparkError, Unavailable

TICK_S, STILL_HERE_S = 0.2, 1.0
SPARE_BYTES = 64 * 1024 * 1024
Say = Callable[[Progress], None]


class Transfer:
    """Brings a plan's files into `<staging>/files`."""

    def __init__(self, hub: Hub, plan: Plan, staging: Path, parallel: int) -> None:
        self._stop = threading.Event()
        parts, files = staging / "parts", staging / "files"
        for folder in (parts, files):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._staging, self._total = staging, plan.bytes_total
        self.fetches = {
            path: FileFetch(
                hub, plan.variant.repository, plan.revision, wanted, parts, files / path, self._stop
            )
            for path, wanted in plan.files.items()
        }
        self._parallel = max(1, min(parallel, len(self.fetches)))
        self._waiting: queue.SimpleQueue[FileFetch] = queue.SimpleQueue()
        self._error: BaseException | None = None

    def run(self, say: Say) -> None:
        """Fetch everything; SparkError when a file cannot be had, after which nothing of this object runs on."""
        for fetch in sorted(self.fetches.values(), key=lambda f: -f.wanted.size):
            fetch.prepare()
            self._waiting.put(fetch)
        self._check_space()
        workers = [
            threading.Thread(target=self._work, name=f"fetching-{n}", daemon=True)
            for n in range(self._parallel)
        ]
        for worker in workers:
            worker.start()
        self._watch(workers, say)
        if self._error is not None:
            raise self._error

    def _check_space(self) -> None:
        missing = self._total - self._kept
        free = shutil.disk_usage(self._staging).free
        if missing + SPARE_BYTES > free:
            raise Unavailable(
                "disk_full",
                "Not enough disk space",
                f"{missing / 1e9:.2f} GB are still to be fetched; {free / 1e9:.2f} GB are free at {self._staging}.",
                "Free some space, or choose a smaller variant.",
            )

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._waiting.get_nowait().run()
            except queue.Empty:
                return
            except Stopped:
                return
            except BaseException as error:
                self._error = self._error or error
                self._stop.set()

    def _watch(self, workers: list[threading.Thread], say: Say) -> None:
        """Tell how far it is, at most every tick, until all workers have ended."""
        meter, said, said_at = Meter(), None, 0.0
        while True:
            running = [w for w in workers if w.is_alive()]
            now = time.monotonic()
            meter.see(now, sum(f.received for f in self.fetches.values()))
            progress = self._progress(meter)
            if progress != said or now - said_at >= STILL_HERE_S:
                say(progress)
                said, said_at = progress, now
            if not running:
                return
            self._rest(running, now + TICK_S)

    def _rest(self, running: list[threading.Thread], until: float) -> None:
        """Wait for the next tick, or for the end of the last worker."""
        for worker in running:
            worker.join(max(0.0, until - time.monotonic()))

    def _progress(self, meter: Meter) -> Progress:
        kept, fetches = self._kept, self.fetches.values()
        troubles = [f.trouble for f in fetches if f.trouble and not f.done]
        speed = meter.bytes_per_second
        trouble = troubles[0] if troubles and speed == 0 else ""
        left = meter.seconds_left(self._total - kept)
        return Progress(kept, sum(f.done for f in fetches), round(speed, 1), left and round(left, 1), trouble)

    @property
    def _kept(self) -> int:
        return sum(fetch.kept for fetch in self.fetches.values())


def crash(error: BaseException) -> SparkError:
    """Something nobody thought of."""
    return SparkError(
        "download_crashed", "The download stopped by a mistake of Spark", f"{type(error).__name__}: {error}"[:500],
        "Try again; if it stays so, please report it with `spark bugreport`.",
    )  # fmt: skip
