"""Server-sent events: a response that owns what it streams and closes it, whatever ends it first."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from spark_engine.api.disconnect import until_disconnect
from spark_engine.api.errors import error_json, internal_error
from spark_engine.tasks import cancel_and_wait, create_task

KEEP_ALIVE_S = 15.0
DONE = b"data: [DONE]\n\n"
_COMMENT = b": keep-alive\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def sse(payload: bytes) -> bytes:
    """One event. `payload` is JSON, so it holds no line break."""
    return b"data: " + payload + b"\n\n"


class EventStream(Response):
    """Sends pieces (whole events, ready to go) as they come.

    `close` is awaited exactly once, at the end: after the last piece, when the client has left, or when the
    server stops. The response does this itself because the `finally` of an async generator that never
    started does not run.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        pieces: AsyncIterator[bytes],
        close: Callable[[], Awaitable[None]],
        *,
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self.status_code, self.background = 200, None
        self.init_headers(_HEADERS)
        self._pieces, self._close, self._keep_alive_s = pieces, close, keep_alive_s
        self._sending = True
        self._last_sent = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the end, or until the client leaves."""
        writer = create_task(self._write(send), name="write events")
        others = (
            create_task(until_disconnect(receive), name="wait for disconnect"),
            create_task(self._keep_alive(send), name="keep alive"),
        )
        try:
            await asyncio.wait((writer, *others), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(writer, *others)
            await self._close()

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        self._sending = False
        try:
            async for piece in self._pieces:
                self._sending = True
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                self._sending, self._last_sent = False, time.monotonic()
        except Exception as error:
            told = sse(error_json(internal_error(error, "an event stream")))
            await send({"type": "http.response.body", "body": told, "more_body": True})
        self._sending = True
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _keep_alive(self, send: Send) -> None:
        """A comment whenever nothing was sent for a while; never in the middle of another send."""
        while True:
            silent = time.monotonic() - self._last_sent
            await asyncio.sleep(max(self._keep_alive_s - silent, self._keep_alive_s / 10))
            if not self._sending and time.monotonic() - self._last_sent >= self._keep_alive_s:
                self._last_sent = time.monotonic()
                await send({"type": "http.response.body", "body": _COMMENT, "more_body": True})
