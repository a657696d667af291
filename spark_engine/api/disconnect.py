"""Stops work for a client that has left."""

import asyncio
from types import TracebackType
from typing import Self

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from spark_engine.tasks import create_task


class ClientGone(Exception):
    """The client closed its connection before it had its answer."""


async def on_client_gone(request: Request, error: Exception) -> Response:
    """Nobody reads this reply; it only ends the request in order."""
    return Response(status_code=499)


async def until_disconnect(receive: Receive) -> None:
    """Return when the client has closed the connection. Only after the body has been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


class WhileConnected:
    """`async with WhileConnected(request.receive):` cancels its block when the client leaves: ClientGone."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._listener = create_task(self._listen(), name="wait for disconnect")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.cancel()
        if self._gone and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise ClientGone from error

    async def _listen(self) -> None:
        await until_disconnect(self._receive)
        self._gone = True
        self._task.cancel()
