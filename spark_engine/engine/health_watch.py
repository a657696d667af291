"""Keeps the health: looks after every change, when a delay is over, and in rounds; tells watchers when it changed."""

import asyncio
import time
from collections.abc import Callable

from msgspec.structs import replace

from spark_engine.config.load import Config
from spark_engine.engine.bus import Bus
from spark_engine.engine.ecosystem import Ecosystem
from spark_engine.engine.health import Standing
from spark_engine.engine.health_signs import Readings, Signs, read_folders
from spark_engine.life.log_limits import bound_together
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.health import HealthReport
from spark_engine.types.state import EngineEvent, HealthChanged

WATCHED_S, UNWATCHED_S, FIRST_S = 15.0, 120.0, 1.0
TOLD_EVERY_S = 0.5


class HealthWatch:
    """The health of the engine whose bus this is."""

    def __init__(
        self,
        config: Config,
        base: BaseDir,
        bus: Bus,
        ecosystem: Ecosystem,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config, self._base, self._bus, self._clock = config, base, bus, clock
        self._ecosystem, self._standing = ecosystem, Standing()
        self._readings = Readings()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._rounds: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._rounds = create_task(self._look_in_rounds(), name="health")
        self._tell()

    async def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        rounds, self._rounds = self._rounds, None
        await cancel_and_wait(rounds)

    def watched_by(self, count: int) -> None:
        """So many watchers there are now; the first one wants news."""
        first = count > 0 and not self._readings.watchers
        self._readings = replace(self._readings, watchers=count)
        self.changed()
        if first:
            self.look_soon()

    def look_soon(self) -> None:
        """Begin a round now instead of later."""
        self._wake.set()

    def notice(self, event: EngineEvent) -> None:
        """Something happened."""
        if not isinstance(event, HealthChanged):
            self.changed()

    def changed(self) -> None:
        """Look again soon, together with other changes."""
        if self._rounds is not None:
            self._look_within(TOLD_EVERY_S)

    def report(self) -> HealthReport:
        """The health now."""
        limit = self._config.integer("queue.max_waiting") + self._config.integer("models.slots")
        readings = replace(self._readings, queue_limit=limit)
        signs = Signs(self._bus.state, readings, self._ecosystem.members)
        return self._standing.report(signs, self._clock())

    async def look(self) -> HealthReport:
        """One round: ask the ecosystem, look at the disk and the logs; what comes of it is told at once."""
        _, (free, unwritable), _ = await asyncio.gather(
            self._ecosystem.look(),
            asyncio.to_thread(read_folders, self._base.root, self._base.state, self._base.models),
            asyncio.to_thread(bound_together, self._base.logs),
        )
        self._readings = replace(self._readings, disk_free_bytes=free, unwritable=unwritable)
        self._tell()
        return self._bus.state.health

    async def _look_in_rounds(self) -> None:
        await asyncio.sleep(FIRST_S)
        while True:
            self._wake.clear()
            await self.look()
            due = time.monotonic() + (WATCHED_S if self._readings.watchers else UNWATCHED_S)
            if not await _woken(self._wake, due - time.monotonic()):
                self._readings = replace(self._readings, late_s=round(max(0.0, time.monotonic() - due), 2))

    def _look_within(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None and self._timer.when() <= loop.time() + seconds:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._tell)

    def _tell(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        report = self.report()
        if report != self._bus.state.health:
            self._bus.publish(HealthChanged(report))
        if self._standing.next_at is not None and self._rounds is not None:
            self._look_within(max(0.0, self._standing.next_at - self._clock()) + 0.01)


async def _woken(event: asyncio.Event, within_s: float) -> bool:
    """Whether the event came in time."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
