"""A generation on its way to a reader: a mailbox that merges deltas while the reader is slow."""

import asyncio
from collections.abc import AsyncIterator, Callable

from spark_engine.types.generation import Delta, Failed, Finished, Started, merge_deltas


class Mailbox:
    """Holds at most one merged delta and the end. Filled by the runner's reader, emptied by one reader."""

    def __init__(self) -> None:
        self._delta: Delta | None = None
        self._end: Finished | Failed | None = None
        self._wake = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether the end has arrived."""
        return self._end is not None

    def put(self, event: Delta | Finished | Failed) -> None:
        """Add an event; nothing may follow the end."""
        if self._end is not None:
            return
        if isinstance(event, Delta):
            self._delta = event if self._delta is None else merge_deltas(self._delta, event)
        else:
            self._end = event
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Delta | Finished | Failed]:
        while True:
            await self._wake.wait()
            self._wake.clear()
            delta, self._delta = self._delta, None
            if delta is not None:
                yield delta
            elif self._end is not None:
                yield self._end
                return
            if self._end is not None or self._delta is not None:
                self._wake.set()


class LocalStream:
    """A generation of a local runner. `cancel` is called once, if the reader leaves before the end."""

    def __init__(self, started: Started, mailbox: Mailbox, cancel: Callable[[], None]) -> None:
        self.started = started
        self._mailbox = mailbox
        self._cancel = cancel
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Delta | Finished | Failed]:
        return self._mailbox.__aiter__()

    async def aclose(self) -> None:
        """Cancel the generation unless it is over."""
        if not self._closed and not self._mailbox.ended:
            self._cancel()
        self._closed = True
