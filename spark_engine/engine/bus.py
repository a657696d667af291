"""The event bus: the one place where the engine's state changes, and every watcher's view of it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from spark_engine.types.state import (
    EngineEvent,
    EngineState,
    HardwareSampled,
    MetricsSampled,
    RequestsSampled,
    StateSnapshot,
    apply_event,
)

MAX_PENDING = 1000
CONFLATED = (MetricsSampled, HardwareSampled, RequestsSampled)


class Bus:
    """Holds the state; `publish` changes it and tells the watchers, all in the event loop's thread."""

    def __init__(
        self,
        state: EngineState,
        on_watchers: Callable[[int], None] = lambda count: None,
        on_event: Callable[[EngineEvent], None] = lambda event: None,
    ) -> None:
        self.state = state
        self._watchers: set[BusWatcher] = set()
        self._on_watchers, self._on_event = on_watchers, on_event

    def publish(self, event: EngineEvent) -> None:
        """Apply an event to the state and pass it on."""
        self.state = apply_event(self.state, event)
        for watcher in self._watchers:
            watcher.push(event)
        self._on_event(event)

    def watch(self) -> "BusWatcher":
        """A new watcher; its first message is the whole state as it is now."""
        watcher = BusWatcher(self)
        self._watchers.add(watcher)
        self._on_watchers(len(self._watchers))
        return watcher

    def forget(self, watcher: "BusWatcher") -> None:
        """Stop telling a watcher."""
        self._watchers.discard(watcher)
        self._on_watchers(len(self._watchers))


class BusWatcher:
    """One subscription. State events are never dropped: a reader that lags far gets one fresh snapshot
    instead
    of a longer queue. Of samples and readings only the newest waits."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._pending: deque[EngineEvent] = deque([StateSnapshot(bus.state)])
        self._wake = asyncio.Event()
        self._wake.set()
        self._closed = False

    def push(self, event: EngineEvent) -> None:
        """Queue an event for this watcher."""
        if isinstance(event, CONFLATED):
            self._pending = deque(e for e in self._pending if type(e) is not type(event))
        self._pending.append(event)
        if len(self._pending) > MAX_PENDING:
            self._pending = deque([StateSnapshot(self._bus.state)])
        self._wake.set()

    def close(self) -> None:
        """End the subscription; a pending iteration stops."""
        self._closed = True
        self._bus.forget(self)
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[EngineEvent]:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending and not self._closed:
                yield self._pending.popleft()
            if self._closed:
                return
