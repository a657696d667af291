"""The client's calls about the logs."""

from collections.abc import AsyncGenerator

import msgspec

from spark_engine.client.calls import Calls, control
from spark_engine.client.connection import SILENCE_S
from spark_engine.client.failures import translated
from spark_engine.types.logs import LogPage

_pages: msgspec.json.Decoder[LogPage] = msgspec.json.Decoder(LogPage)


class LogCalls(Calls):
    """What engine, runners and app wrote."""

    async def logs(self, after: int = 0, limit: int = 1000) -> LogPage:
        """The latest lines behind the number `after`, no more than `limit`."""
        body = await self._connection.request("GET", f"{control('logs')}?after={after}&limit={limit}")
        with translated():
            return _pages.decode(body)

    async def follow_logs(self, after: int = 0, limit: int = 1000) -> AsyncGenerator[LogPage, None]:
        """The same, then new lines as they are written; ends when the engine stops."""
        path = f"{control('logs', 'events')}?after={after}&limit={limit}"
        async with self._connection.stream("GET", path, silence_s=SILENCE_S) as payloads:
            async for payload in payloads:
                with translated():
                    page = _pages.decode(payload)
                yield page
