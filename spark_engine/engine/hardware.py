"""The hardware readings of an engine: each second while somebody watches, else every ten; published and remembered."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from spark_engine.engine.bus import Bus
from spark_engine.engine.hardware_history import History
from spark_engine.engine.hardware_probe import Probe, ProbeFailed
from spark_engine.hardware.sampler import Basics
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.downloads import Fetching
from spark_engine.types.hardware import HardwareHistory, HardwareReading, Span, Work
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.state import EngineState, HardwareSampled

log = logging.getLogger(__name__)
WATCHED_S, UNWATCHED_S = 1.0, 10.0
WATCH_LASTS_S = 15.0
"""So long one `watch()` counts; whoever goes on watching says so again before."""
FIRST_LOAD_S = 0.2
AFTER_S = 10.0
"""The start of an engine has the cores for itself."""


class HardwareMonitor:
    """Reads through a child process while somebody watches or there is an accelerator to follow; else it reads
    processor and memory here, which needs no driver, and keeps no child for it."""

    def __init__(
        self,
        base: BaseDir,
        bus: Bus,
        figures: Callable[[], MetricsSample],
        runners: Callable[[], dict[str, int]],
        probe: Probe | None = None,
    ) -> None:
        self._bus, self._figures, self._runners = bus, figures, runners
        self._probe = probe or Probe.of_folder(str(base.root))
        self._history = History(base.state / "hardware.ring")
        self._basics: Basics | None = None
        self._basics_at = 0.0
        self._last: HardwareReading | None = None
        self._watched_until = 0.0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at the readings now."""
        return time.monotonic() < self._watched_until

    def start(self, after_s: float = AFTER_S) -> None:
        """Begin to read after so many seconds, or as soon as somebody watches."""
        self._history.open()
        self._task = create_task(self._run(after_s), name="hardware readings")

    async def close(self) -> None:
        """Stop reading."""
        await cancel_and_wait(self._task)
        await self._probe.close()
        self._history.close()

    def watch(self) -> None:
        """Somebody looks at the readings: one a second for the next fifteen."""
        watched, self._watched_until = self.is_watched, time.monotonic() + WATCH_LASTS_S
        if not watched:
            self._wake.set()

    def history(self, span: Span) -> HardwareHistory:
        """What is remembered of the last minute, hour or day."""
        return self._history.span(span)

    async def _run(self, after_s: float) -> None:
        await self._pause(after_s)
        while True:
            try:
                self._take(await self._read())
            except Exception:  # one reading that fails must not end all later ones
                log.exception("a hardware reading failed")
            pace = WATCHED_S if self.is_watched else UNWATCHED_S
            await self._pause(pace - time.time() % pace)  # each reading in a step of its own

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _read(self) -> HardwareReading:
        roles = {os.getpid(): "engine", **{pid: variant for variant, pid in self._runners().items()}}
        last = self._last
        if last is not None and not (self.is_watched or last.accelerators or last.trouble):
            await self._probe.close()
            return replace(await self._here(roles), disk=last.disk, unread=last.unread)
        try:
            return await self._probe.read(roles)
        except ProbeFailed as failed:
            return replace(await self._here(roles), trouble=str(failed))

    async def _here(self, roles: dict[int, str]) -> HardwareReading:
        """Loads are means since the reading before, so one of long ago does not serve."""
        if self._basics is None or time.monotonic() - self._basics_at > 3 * UNWATCHED_S:
            self._basics = Basics()
            self._basics.read(roles)
            await asyncio.sleep(FIRST_LOAD_S)
        self._basics_at = time.monotonic()
        return self._basics.read(roles)

    def _take(self, reading: HardwareReading) -> None:
        state, since = self._bus.state, self._last.at if self._last else reading.at
        reading = replace(reading, work=work_of(state, self._figures(), since))
        self._last = reading
        self._history.add(reading)
        self._bus.publish(HardwareSampled(reading))


def work_of(state: EngineState, figures: MetricsSample, since: float) -> Work:
    """What Spark does: speed and queue now, the mean time to the first token of what ended after `since`."""
    ended = [r for r in state.requests.values() if r.finished_at is not None and r.finished_at > since]
    firsts = [r.timings.first_token_ms for r in ended if r.usage.completion_tokens]
    fetching = [d.status for d in state.downloads.values() if isinstance(d.status, Fetching)]
    return Work(
        figures.tokens_per_second,
        figures.running,
        figures.waiting,
        sum(firsts) / len(firsts) if firsts else None,
        sum(status.bytes_per_second for status in fetching),
    )
