"""A client that only notes what comes when, and reads it afterwards: its own work is not the server's."""

import asyncio
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import h11
import msgspec

from spark_engine.client.answers import AnswerReader
from spark_engine.client.sse import SseDecoder
from spark_engine.types.generation import Delta, Failed, Finished, Started

PATH = "/v1/chat/completions"
Heard = list[tuple[float, bytes]]
"""What a connection gave, and when: seconds of the caller's clock."""


async def hear(address: str, body: dict[str, object], now: Callable[[], float]) -> Heard:
    """Ask for a streamed chat completion, and keep what comes until the connection ends. OSError without a server."""
    place = urlsplit(address).netloc
    host, port = place.split(":")
    loop = asyncio.get_running_loop()
    ear = _Ear(_request(place, body), now, loop.create_future())
    await loop.create_connection(lambda: ear, host, int(port))
    await ear.ended
    return ear.heard


def events_of(heard: Heard) -> Iterator[tuple[float, Started | Delta | Finished | Failed]]:
    """The answer's events, each with the time at which its last byte was there."""
    http, sse, answer = h11.Connection(h11.CLIENT), SseDecoder(), AnswerReader()
    http.send(h11.Request(method="POST", target=PATH, headers=[("host", "spark"), ("content-length", "0")]))
    http.send(h11.EndOfMessage())
    last = 0.0
    for last, piece in heard:
        http.receive_data(piece)
        for payload in sse.feed(_body(http)):
            for event in answer.read(payload):
                yield last, event
    for event in answer.broken_off():
        yield last, event


class _Ear(asyncio.Protocol):
    def __init__(self, request: bytes, now: Callable[[], float], ended: asyncio.Future[None]) -> None:
        self._request, self._now = request, now
        self.heard: Heard = []
        self.ended = ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.heard.append((self._now(), data))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def _request(place: str, body: dict[str, object]) -> bytes:
    payload = msgspec.json.encode({**body, "stream": True})
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: {place}\r\nuser-agent: spark-bench\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
    )
    return head.encode("ascii") + payload


def _body(http: h11.Connection) -> bytes:
    """What has come of the reply's body by now. RuntimeError when it is a refusal."""
    found = b""
    while isinstance(event := http.next_event(), h11.Response | h11.Data | h11.EndOfMessage):
        if isinstance(event, h11.Response) and event.status_code >= 400:
            raise RuntimeError(f"the engine refused with status {event.status_code}")
        if isinstance(event, h11.Data):
            found += event.data
        if isinstance(event, h11.EndOfMessage):
            break
    return found
