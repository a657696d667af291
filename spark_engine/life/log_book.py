"""The logs of engine, runners and app as one row of lines: the latest ones at any time, new ones while somebody looks.

Everything is read from the log files, so lines of an engine that crashed are there too.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path

from msgspec.structs import replace
from watchfiles import Change, awatch

from spark_engine.life.log_lines import LogFile
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.logs import LogLine, LogPage

log = logging.getLogger(__name__)
KEPT = 5000
STEP_MS, MOST_MS = 50, 200
"""New lines are told when nothing was written for so long, and at the latest after so long."""
LOOK_AGAIN_S = 1.0
"""Where the system cannot watch the folder."""
SURE_MS = 5000
"""Not everything may be told by the system, as what is written while the watch begins: so often it is looked at."""
_FILES = ("engine.log", "app.log")


class LogBook:
    """Reads the files in threads; nothing is read or watched while nobody asks."""

    def __init__(self, base: BaseDir) -> None:
        self._folder = base.logs
        self._files = [LogFile(base.logs / name) for name in _FILES]
        self._lines: deque[LogLine] = deque(maxlen=KEPT)
        self._last = 0
        self._reading = asyncio.Lock()
        self._readers: set[asyncio.Event] = set()
        self._watching: asyncio.Task[None] | None = None
        self._closed = False

    async def page(self, after: int = 0, limit: int = KEPT) -> LogPage:
        """The latest lines behind a number. See `EngineLogs.page`."""
        await self._read_on()
        return self._page(after, limit)

    async def follow(self, after: int = 0, limit: int = KEPT) -> AsyncGenerator[LogPage, None]:
        """What `page` gives, then new lines as they are written, until `close`."""
        news = asyncio.Event()
        self._readers.add(news)
        self._watch()
        try:
            page = await self.page(after, limit)
            while not self._closed:
                yield page
                await news.wait()
                news.clear()
                page = self._page(page.last, limit)
        finally:
            self._readers.discard(news)
            await self._stop_unwatched()

    async def close(self) -> None:
        """Stop watching, and let those who follow end."""
        self._closed = True
        for news in self._readers:
            news.set()
        await cancel_and_wait(self._watching)

    def _page(self, after: int, limit: int) -> LogPage:
        if after > self._last:  # a number of an engine before this one
            after = 0
        newest = min(limit, self._last - after)
        lines = [line for line in self._lines if line.number > self._last - newest]
        return LogPage(tuple(lines), self._last)

    async def _read_on(self) -> bool:
        """Take in what was written since the last time; whether that was anything."""
        async with self._reading:
            found = await asyncio.to_thread(lambda: [line for file in self._files for line in file.read_on()])
        for line in sorted(found, key=lambda line: line.at):
            self._last += 1
            self._lines.append(replace(line, number=self._last))
        return bool(found)

    def _watch(self) -> None:
        if self._watching is None or self._watching.done():
            self._watching = create_task(self._keep_reading(), name="watch logs")

    async def _stop_unwatched(self) -> None:
        if not self._readers:
            watching, self._watching = self._watching, None
            await cancel_and_wait(watching)

    async def _keep_reading(self) -> None:
        async for _ in _changes(self._folder):
            if await self._read_on():
                for news in self._readers:
                    news.set()


async def _changes(folder: Path) -> AsyncGenerator[None, None]:
    """Whenever a log in the folder was written to."""
    stop = asyncio.Event()
    changes = awatch(
        folder,
        watch_filter=_is_log,
        debounce=MOST_MS,
        step=STEP_MS,
        stop_event=stop,
        rust_timeout=SURE_MS,
        yield_on_timeout=True,
        recursive=False,
        force_polling=False,
    )
    try:
        async for _ in changes:
            yield
    except (OSError, RuntimeError) as error:
        log.info("the logs are read every second, as their folder cannot be watched: %s", error)
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            yield
    finally:
        stop.set()
        await changes.aclose()


def _is_log(change: Change, path: str) -> bool:
    return Path(path).name in _FILES
