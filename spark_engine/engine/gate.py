"""A gate that holds requests back while it is closed."""

import asyncio

from spark_engine.errors import SparkError


class Gate:
    """Requests wait at it while it is `closed` and go on in the order in which they came."""

    def __init__(self, closed: bool = False) -> None:
        self.closed = closed
        self._waiting: dict[str, asyncio.Future[None]] = {}

    @property
    def waiting(self) -> int:
        """How many requests wait here."""
        return len(self._waiting)

    async def let_through(self, request_id: str) -> None:
        """Wait while it is closed; raises what the waiting was ended with."""
        while self.closed:
            wait: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting[request_id] = wait
            try:
                await wait
            finally:
                self._waiting.pop(request_id, None)

    def open(self) -> None:
        """Those that wait go on."""
        self.closed = False
        for wait in self._waiting.values():
            if not wait.done():
                wait.set_result(None)

    def end_waiting(self, error: SparkError, request_id: str | None = None) -> bool:
        """End the waiting of one request, or (None) of all; whether there was any."""
        wanted = [wait for id, wait in self._waiting.items() if request_id in (None, id) and not wait.done()]
        for wait in wanted:
            wait.set_exception(error)
        return bool(wanted)
