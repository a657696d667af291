"""The outermost ASGI layer: refuses foreign hosts and origins, odd framing, large, slow and non-JSON bodies.

A request that passes has its whole body read already.
"""

import asyncio
from typing import cast

from msgspec import Struct
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spark_engine.api.errors import HeadTooLarge, TooLarge, TooSlow, WrongMediaType, error_response
from spark_engine.errors import InvalidRequest, NotAllowed, SparkError

MAX_HEAD_BYTES, MAX_HEADERS = 32 * 1024, 100
DRAINED_BYTES = 64 * 1024 * 1024
"""How much of a body that is too large is read and forgotten, so that its sender gets to read the refusal."""
OWNER = "spark.owner"
"""Key of the scope that says whether the connection itself proves the owner (Unix socket)."""

Headers = list[tuple[bytes, bytes]]


class Limits(Struct, frozen=True):
    """What a request may be. `hosts` None: any Host, for a socket that only the owner can reach."""

    hosts: frozenset[bytes] | None
    max_body: int
    timeout_s: float
    owner: bool = False


def loopback_hosts(port: int) -> frozenset[bytes]:
    """The values of Host that mean this machine."""
    return frozenset(f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]"))


class Guard:
    """Lets through what is meant for Spark, with the whole body read; everything else gets its refusal."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            check_head(scope, self._limits)
            body = await self._body(scope, receive)
        except SparkError as refusal:
            await error_response(refusal, {"connection": "close"})(scope, receive, send)
            return
        except Disconnected:
            return
        scope[OWNER] = self._limits.owner
        try:
            await self._app(scope, _Replay(body, receive), send)
        except asyncio.CancelledError:
            # The server ends what still runs when it stops; the connection is closed already.
            return

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        limit = self._limits.max_body
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                try:
                    return await read_body(scope, receive, limit)
                except TooLarge:
                    await drain(scope, receive)
                    raise
        except TimeoutError:
            text = f"Its body did not arrive within {self._limits.timeout_s:g} s."
            raise TooSlow("request_timeout", "The request came too slowly", text, "Send it again.") from None


class Disconnected(Exception):
    """The client left before it had sent its whole request."""


def check_head(scope: Scope, limits: Limits) -> None:
    """Refuse what can be judged by the request line and the headers; raises a `SparkError`."""
    headers: Headers = scope["headers"]
    _check_size(scope, headers)
    if not scope["raw_path"].startswith(b"/"):
        raise _bad(
            "bad_target", "The request's target is not a path", "Only paths such as /v1/models are served."
        )
    _check_host(headers, limits)
    _check_origin(headers, limits)
    _check_framing(headers)
    if _has_body(headers):
        _check_media_type(headers)


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body; TooLarge as soon as it is known to be larger than `limit` bytes."""
    if (declared := _declared_length(scope)) is not None and declared > limit:
        raise _too_large(limit)
    pieces, size, more = [], 0, True
    while more:
        piece, more = await _next_piece(receive)
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        pieces.append(piece)
    return b"".join(pieces)


async def drain(scope: Scope, receive: Receive) -> None:
    """Read on and forget; a sender that is cut off while it writes may never see the reply.

    One that waits for `100 Continue` is not asked to send at all.
    """
    if _value(scope["headers"], b"expect"):
        return
    size, more = 0, True
    while more and size < DRAINED_BYTES:
        piece, more = await _next_piece(receive)
        size += len(piece)


class _Replay:
    """A `receive` that first hands out the body that was read."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._message: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self._receive = receive

    async def __call__(self) -> Message:
        if (message := self._message) is not None:
            self._message = None
            return message
        return await self._receive()


def _check_size(scope: Scope, headers: Headers) -> None:
    size = len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(k) + len(v) + 4 for k, v in headers)
    if size > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
        text = f"At most {MAX_HEAD_BYTES // 1024} kB and {MAX_HEADERS} headers are read."
        raise HeadTooLarge("headers_too_large", "The headers are too large", text)


def _check_host(headers: Headers, limits: Limits) -> None:
    hosts = [value.lower() for name, value in headers if name == b"host"]
    if limits.hosts is None:
        return
    if len(hosts) != 1:
        raise _bad("bad_host", "The Host header is wrong", "A request needs exactly one Host header.")
    if hosts[0] not in limits.hosts:
        raise NotAllowed(
            "foreign_host",
            "This address is not served",
            "The Host header names another address than this machine's own.",
            f"Use http://{min(limits.hosts).decode()}.",
        )


def _check_origin(headers: Headers, limits: Limits) -> None:
    origins = [value.lower() for name, value in headers if name == b"origin"]
    own = {b"http://" + host for host in limits.hosts or ()}
    site = _value(headers, b"sec-fetch-site")
    if any(origin not in own for origin in origins) or site in (b"cross-site", b"same-site"):
        raise NotAllowed(
            "foreign_origin",
            "Web pages may not use Spark",
            "The request comes from a page in a browser that is not Spark's own.",
            "Call Spark from an app or a script on this machine.",
        )


def _check_framing(headers: Headers) -> None:
    names = [name for name, _ in headers]
    lengths, codings = names.count(b"content-length"), names.count(b"transfer-encoding")
    if lengths + codings > 1:
        raise _bad(
            "bad_framing", "The body's length is ambiguous", "Send one Content-Length or chunks, not both."
        )
    if _value(headers, b"content-encoding") not in (b"", b"identity"):
        raise WrongMediaType("unsupported_encoding", "The body is compressed", "Send it uncompressed.")


def _has_body(headers: Headers) -> bool:
    return (
        bool(_value(headers, b"transfer-encoding")) or _value(headers, b"content-length").strip(b"0") != b""
    )


def _check_media_type(headers: Headers) -> None:
    kind, _, parameters = _value(headers, b"content-type").partition(b";")
    charset = parameters.strip().replace(b'"', b"").replace(b" ", b"")
    if kind.strip() != b"application/json" or charset not in (b"", b"charset=utf-8", b"charset=utf8"):
        raise WrongMediaType(
            "unsupported_media_type",
            "The body is not JSON",
            "A body needs the header Content-Type: application/json, in UTF-8.",
        )


def _value(headers: Headers, wanted: bytes) -> bytes:
    """A header's value in lower case; empty when it is not there."""
    return next((value.strip().lower() for name, value in headers if name == wanted), b"")


def _declared_length(scope: Scope) -> int | None:
    value = _value(scope["headers"], b"content-length")
    return int(value) if value.isdigit() else None


async def _next_piece(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return cast(bytes, message.get("body", b"")), bool(message.get("more_body", False))


def _bad(code: str, title: str, text: str) -> InvalidRequest:
    return InvalidRequest(code, title, text)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        "body_too_large",
        "The request is too large",
        f"Its body is larger than {limit / 1024**2:g} MB.",
        "Send less, or raise the setting server.max_body_mb.",
    )
