"""An HTTP server that answers what a test wrote down, byte for byte: for clients that must survive anything."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from spark_engine.client.endpoint import Endpoint


class Asked(Struct):
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


Script = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


class ScriptedServer:
    """Answers each request by the script of its path; keeps what was asked and which connections ended."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.closed = asyncio.Event()
        self.port = 0
        self._scripts: dict[str, Script] = {}
        self._open: dict[asyncio.StreamWriter, asyncio.Event] = {}

    @property
    def endpoint(self) -> Endpoint:
        """Where a client finds it, with a token."""
        return Endpoint(f"http://127.0.0.1:{self.port}", "the-token", os.getpid(), "0.1.0")

    def on(self, path: str, script: Script) -> None:
        """Answer this path (with its method in front) by a script."""
        self._scripts[path] = script

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        ended = self._open[writer] = asyncio.Event()
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                asked = await _read(reader)
                self.asked.append(asked)
                await self._scripts.get(f"{asked.method} {asked.path}", _not_found)(asked, writer)
                await writer.drain()
        writer.close()
        ended.set()
        self.closed.set()

    async def hang_up(self) -> None:
        """Cut every connection and wait until each has ended."""
        for writer in self._open:
            writer.close()
        for ended in self._open.values():
            await ended.wait()


@asynccontextmanager
async def scripted_server(socket: Path | None = None) -> AsyncIterator[ScriptedServer]:
    """A server on a free port, or on a Unix socket."""
    made = ScriptedServer()
    if socket is not None:
        server = await asyncio.start_unix_server(made.connection, socket)
    else:
        server = await asyncio.start_server(made.connection, "127.0.0.1", 0)
        made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.hang_up()


def reply(body: bytes | str | dict[str, Any], status: int = 200, kind: str = "application/json") -> Script:
    """A whole reply."""

    async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
        raw = (
            json.dumps(body).encode()
            if isinstance(body, dict)
            else body.encode()
            if isinstance(body, str)
            else body
        )
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(raw)}\r\n\r\n"
        writer.write(head.encode() + raw)

    return script


def stream(*pieces: bytes, then: str = "end", pause_s: float = 0.0) -> Script:
    """A streamed reply; `then` what follows: `end` as HTTP wants it, `cut` the connection, or `hang`."""

    async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for piece in pieces:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await asyncio.sleep(pause_s)
        if then == "end":
            writer.write(b"0\r\n\r\n")
        elif then == "cut":
            writer.close()

    return script


def event(payload: Any) -> bytes:
    """One server-sent event."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return b"data: " + raw + b"\n\n"


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


_not_found = reply({"error": {"code": "unknown_route", "message": "Nothing answers at this path."}}, 404)
