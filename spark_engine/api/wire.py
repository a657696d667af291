"""uvicorn's HTTP/1.1 connection with what it lacks: time and connection limits, JSON refusals."""

import asyncio
import http
import logging
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from spark_engine.api.errors import TooSlow, error_json
from spark_engine.api.peers import CONNECTION, Connection, peer_of
from spark_engine.errors import InvalidRequest, SparkError, Unavailable

log = logging.getLogger(__name__)
MAX_CONNECTIONS = 512


class GuardedProtocol(H11Protocol):
    """One connection. `head_timeout_s`: from its start, or a further request's first byte, to the head's end."""

    def __init__(self, config: Config, server_state: ServerState, head_timeout_s: float) -> None:
        super().__init__(config, server_state, {CONNECTION: Connection()})
        self.logger = _quiet
        self._head_timeout_s = head_timeout_s
        self._head_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected."""
        super().connection_made(transport)
        self.app_state[CONNECTION].peer = peer_of(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(_too_many())
        else:
            self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_watching()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Called when what arrived is not HTTP, or its head is too large to be read."""
        log.debug("a client sent what is not HTTP")
        self._refuse(_not_http())

    def abort(self) -> None:
        """Close at once, whatever is going on."""
        self._stop_watching()
        self.transport.abort()

    def _should_upgrade(self) -> bool:
        return False  # no websockets here: an upgrade is not taken up, as HTTP allows

    def _watch_head(self) -> None:
        """Run the clock while a head is awaited; between requests uvicorn's own clock runs."""
        if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
            self._stop_watching()
        elif self._head_deadline is None:
            self._head_deadline = self.loop.call_later(self._head_timeout_s, self._head_too_slow)

    def _stop_watching(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _head_too_slow(self) -> None:
        self._head_deadline = None
        text = f"Its headers did not arrive within {self._head_timeout_s:g} s."
        self._refuse(TooSlow("request_timeout", "The request came too slowly", text, "Send it again."))

    def _refuse(self, error: SparkError) -> None:
        """Answer without the parser, which may be in any state, and close."""
        self._stop_watching()
        busy = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not busy and not self.transport.is_closing():
            self.transport.write(_raw_reply(error))
        self.transport.close()


def _raw_reply(error: SparkError) -> bytes:
    body = error_json(error)
    head = (
        f"HTTP/1.1 {error.status} {http.HTTPStatus(error.status).phrase}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


def _not_http() -> InvalidRequest:
    return InvalidRequest(
        "bad_http", "This is not a request", "What arrived is not HTTP/1.1, or its headers are too large."
    )


def _too_many() -> Unavailable:
    text = f"More than {MAX_CONNECTIONS} connections are open."
    return Unavailable("too_many_connections", "Too many connections", text, "Close some, then try again.")


class _Quiet(logging.LoggerAdapter[logging.Logger]):
    """What uvicorn warns of is a client's doing, not Spark's: kept for debugging only. Errors stay errors."""

    def warning(self, msg: object, *args: Any, **kwargs: Any) -> None:
        self.debug(msg, *args, **kwargs)

    @property
    def level(self) -> int:
        return self.logger.level or logging.INFO


_quiet: Any = _Quiet(logging.getLogger("uvicorn.error"))
