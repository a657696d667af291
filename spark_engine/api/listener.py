"""Serves an application on one socket, without a ticking loop, and ends in bounded time."""

import asyncio
import socket
from typing import Any

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from spark_engine.api.wire import GuardedProtocol

KEEP_ALIVE_S = 75
MAX_HEAD_BYTES = 32 * 1024


class Listener:
    """One listening socket. uvicorn's connections are used; its server is not, for that wakes ten times a second."""

    def __init__(self, app: ASGIApp, sock: socket.socket, head_timeout_s: float) -> None:
        self._config = _uvicorn_config(app)
        self._sock, self._head_timeout_s = sock, head_timeout_s
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to accept connections."""
        self._server = await asyncio.get_running_loop().create_server(self._connection, sock=self._sock)

    def close(self) -> None:
        """Accept no more connections; requests that run go on."""
        if self._server is not None:
            self._server.close()
        self._sock.close()
        for connection in self._connections:
            connection.shutdown()

    async def end(self, grace_s: float) -> None:
        """Let what runs finish for `grace_s`, then cut every connection and wait until its work has ended."""
        self.close()
        await self._until_idle(grace_s)
        for connection in self._connections:
            connection.abort()
        await self._until_idle(grace_s)
        for task in list(self._state.tasks):
            task.cancel()
        await self._until_idle(grace_s)

    @property
    def _connections(self) -> list[Any]:
        return list(self._state.connections)

    def _connection(self) -> GuardedProtocol:
        return GuardedProtocol(self._config, self._state, self._head_timeout_s)

    async def _until_idle(self, limit_s: float) -> None:
        """Wait until no request runs."""
        if tasks := set(self._state.tasks):
            await asyncio.wait(tasks, timeout=limit_s)


def _uvicorn_config(app: ASGIApp) -> Config:
    config = Config(
        app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        http=GuardedProtocol,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    config.load()
    return config
