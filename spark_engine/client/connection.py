"""One HTTP connection to an engine: the owner's Unix socket where there is one, else TCP with the token."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from spark_engine import __version__
from spark_engine.client.endpoint import Endpoint, read_endpoint
from spark_engine.client.failures import not_running, refusal, translated
from spark_engine.client.sse import SseDecoder
from spark_engine.paths import BaseDir

CONTROL_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
SILENCE_S = 60.0
"""An event stream that says nothing for so long is dead: the engine sends a comment at least every 15 s."""


class Connection:
    """Requests to the engine at `where`.

    With a base directory the endpoint is looked up anew for every call, so that the connection
    follows an engine that was started again (it has another token then, perhaps another port).
    """

    def __init__(self, where: Endpoint | BaseDir, caller: str) -> None:
        self._where, self._caller = where, caller
        self._endpoint: Endpoint | None = None
        self._http: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close every connection; a later call opens a new one."""
        http, self._http, self._endpoint = self._http, None, None
        if http is not None:
            await http.aclose()

    async def request(
        self, method: str, path: str, *, json: Any = None, patience_s: float | None = None
    ) -> bytes:
        """The body of a reply that is not an error; `SparkError` otherwise. `patience_s`: how long it may take where
        the engine itself has to ask somebody."""
        http = await self._current()
        timeout = CONTROL_TIMEOUT if patience_s is None else httpx.Timeout(patience_s, connect=5.0)
        with translated():
            reply = await http.request(method, path, json=json, timeout=timeout)
        if reply.is_success:
            return reply.content
        raise refusal(reply.status_code, reply.content)

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, *, json: Any = None, silence_s: float | None = None
    ) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """The payloads of a reply of server-sent events; the connection closes with the context.

        `silence_s`: how long nothing may arrive; None waits for ever (a model may have to load first).
        """
        patience = httpx.Timeout(silence_s, connect=5.0)
        http = await self._current()
        with translated():
            async with http.stream(method, path, json=json, timeout=patience) as reply:
                if not reply.is_success:
                    raise refusal(reply.status_code, await reply.aread())
                async with aclosing(_payloads(reply)) as payloads:
                    yield payloads

    async def _current(self) -> httpx.AsyncClient:
        """The HTTP client for the engine that runs now."""
        endpoint = read_endpoint(self._where) if isinstance(self._where, BaseDir) else self._where
        if endpoint is None:
            raise not_running()
        if self._http is not None and endpoint == self._endpoint:
            return self._http
        outdated, http = self._http, _open(endpoint, self._caller)
        self._endpoint, self._http = endpoint, http
        if outdated is not None:
            await outdated.aclose()
        return http


async def _payloads(reply: httpx.Response) -> AsyncGenerator[bytes, None]:
    """The reply is closed before its iterators are: where the event loop does not finish generators that
    are let go (Qt's does not), closing them first would leave the connection open.
    """
    decoder, pieces = SseDecoder(), cast(AsyncGenerator[bytes, None], reply.aiter_raw())
    try:
        async for piece in pieces:
            for payload in decoder.feed(piece):
                yield payload
    finally:
        await reply.aclose()
        await pieces.aclose()


def _open(endpoint: Endpoint, caller: str) -> httpx.AsyncClient:
    """`trust_env` is off: a proxy set for the internet must not see what is said to this machine."""
    headers = {"User-Agent": f"{caller}/{__version__}", "Accept-Encoding": "identity"}
    if endpoint.socket and Path(endpoint.socket).exists():
        transport = httpx.AsyncHTTPTransport(uds=endpoint.socket)
    else:
        transport = httpx.AsyncHTTPTransport()
        headers["Authorization"] = f"Bearer {endpoint.token}"
    parts = urlsplit(endpoint.address)
    return httpx.AsyncClient(
        transport=transport,
        base_url=f"{parts.scheme}://{parts.netloc}",
        headers=headers,
        timeout=CONTROL_TIMEOUT,
        trust_env=False,
    )
