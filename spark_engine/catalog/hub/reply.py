"""An answer of the hub or of a server it sent us to: its head, and its body read into the caller's buffer."""

import http.client
import time
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

from spark_engine.catalog.hub.address import Address
from spark_engine.catalog.hub.connection import Route, network_trouble
from spark_engine.catalog.hub.failures import Interrupted, wrong_answer


class Reply:
    """`length` is how many bytes of body the head announced (None: it does not say). `address` is who answered.

    Every method raises Interrupted when the connection fails.
    """

    def __init__(self, route: Route, address: Address, headers: dict[str, str]) -> None:
        self.address, self._sock = address, route.sock
        self.body = b""
        try:
            with network_trouble(address.host):
                self._response = route.request(address, headers)
        except BaseException:
            route.sock.close()
            raise
        self.status: int = self._response.status
        self.headers: http.client.HTTPMessage = self._response.headers
        self.length: int | None = self._response.length

    def read_into(self, view: memoryview) -> int:
        """Read what has come, at least one byte, into the view; 0 at the body's end."""
        with network_trouble(self.address.host):
            if self._response.length is None or self._response.chunked:
                return _copied(self._response.read1(min(len(view), 1 << 20)), view)
            wanted = min(len(view), self._response.length)
            if wanted == 0:
                return 0
            count = self._response.fp.readinto1(view[:wanted])
            self._response.length -= count
            return count

    def read_all(self, most: int, until: float) -> bytes:
        """The whole body, also kept as `body`; of at most so many bytes, and read before the clock (monotonic) says
        `until`."""
        buffer = memoryview(bytearray(1 << 16))
        pieces = bytearray()
        while count := self.read_into(buffer):
            pieces += buffer[:count]
            if len(pieces) > most or time.monotonic() > until:
                raise Interrupted(
                    "the answer has no end", wrong_answer(self.address.netloc, "too much"), tries=2
                )
        if self.length is not None and len(pieces) < self.length:
            raise Interrupted(f"the connection to {self.address.host} was cut")
        self.body = bytes(pieces)
        return self.body

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks us to wait."""
        text = self.headers.get("Retry-After", "").strip()
        if text.isdecimal():
            return float(text[:9])
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) if text else None
        except (ValueError, OverflowError):
            return None

    def close(self) -> None:
        """Give the connection back."""
        self._response.close()
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _copied(data: bytes, view: memoryview) -> int:
    view[: len(data)] = data
    return len(data)
