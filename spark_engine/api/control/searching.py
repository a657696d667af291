"""A search for duplicates as a stream of events: how far it is, conflated, and in the end what it found."""

import asyncio
from collections.abc import AsyncIterator

from spark_engine.api.control.wire import encoder
from spark_engine.api.sse import sse
from spark_engine.engine.interface import ModelLibrary
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.duplicates import Compared, Comparing, DuplicateGroup


class Search:
    """Begins with the first event that is asked for; `close()` ends it at any time."""

    def __init__(self, library: ModelLibrary) -> None:
        self._library = library
        self._news = asyncio.Event()
        self._latest = Comparing(0, 0)
        self._task: asyncio.Task[list[DuplicateGroup]] | None = None

    async def events(self) -> AsyncIterator[bytes]:
        """Comparing as often as something is new and somebody reads, then Compared."""
        task = self._task = create_task(self._library.duplicates(self._report), name="duplicates")
        task.add_done_callback(lambda done: self._news.set())
        self._news.set()
        while not task.done():
            await self._news.wait()
            self._news.clear()
            yield sse(encoder.encode(self._latest))
        yield sse(encoder.encode(Compared(tuple(await task))))

    async def close(self) -> None:
        """End the search."""
        await cancel_and_wait(self._task)

    def _report(self, done: int, total: int) -> None:
        self._latest = Comparing(done, total)
        self._news.set()
