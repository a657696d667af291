"""When live figures are sampled: each second while requests run, else every ten, never unwatched."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from spark_engine.tasks import cancel_and_wait, create_task

BUSY_S, IDLE_S = 1.0, 10.0


class SamplingClock:
    """Calls `sample`, which says whether the engine is busy; sleeps without a timer while nobody watches."""

    def __init__(self, sample: Callable[[], bool]) -> None:
        self._sample = sample
        self._watchers = 0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def watched_by(self, count: int) -> None:
        """So many watchers there are now."""
        self._watchers = count
        if count and self._task is None:
            self._task = create_task(self._tick(), name="metrics sampling")
        self._wake.set()

    def busy(self) -> None:
        """Something began: sample within a second."""
        self._wake.set()

    async def close(self) -> None:
        """Stop sampling."""
        await cancel_and_wait(self._task)

    async def _tick(self) -> None:
        while True:
            pause = BUSY_S if self._watchers and self._sample() else IDLE_S if self._watchers else None
            if pause == BUSY_S:
                await asyncio.sleep(BUSY_S)
                continue
            self._wake.clear()
            await _wait(self._wake, pause)


async def _wait(event: asyncio.Event, at_most: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most):
            await event.wait()
