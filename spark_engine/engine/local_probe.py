"""Asks an address of this machine whether a program answers there: a connection and GET /health, a second at most."""

import asyncio
import ipaddress
import ssl
import time
from urllib.parse import urlsplit

from msgspec import Struct

from spark_engine import __version__
from spark_engine.types.ecosystem import MemberStatus, Reachable, Unreachable

LIMIT_S = 1.0
HEAD_BYTES = 16 * 1024
LOOPBACK = "127.0.0.1"
WELL, NO_SUCH_PATH, CLOSED_DOOR = range(200, 400), (404, 405, 501), (401, 403)


class LocalAddress(Struct, frozen=True):
    """Where a program listens on this machine. Only a loopback address is ever connected to."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def local_address(text: str) -> LocalAddress | None:
    """A setting's port or URL as an address; None when it is empty or names no port."""
    if text.isdigit():
        return LocalAddress(LOOPBACK, int(text)) if 0 < int(text) < 65536 else None
    try:
        parts = urlsplit(text)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    host = LOOPBACK if parts.hostname == "localhost" else parts.hostname
    return LocalAddress(host, port, parts.scheme == "https") if _is_loopback(host) else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def probe(address: LocalAddress) -> MemberStatus:
    """Whether something answers there, how fast, and whether it says that it is well."""
    began = time.perf_counter()
    connected = False
    try:
        async with asyncio.timeout(LIMIT_S):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            connected = True
            try:
                if address.tls:
                    await writer.start_tls(_unchecked(), server_hostname=address.host)
                status = await _health_status(address, reader, writer)
            finally:
                writer.transport.abort()
    except ssl.SSLError:
        return _reached(began, "it speaks TLS and wants a certificate of its caller")
    except TimeoutError:
        if not connected:
            return Unreachable(f"no answer within {LIMIT_S:g} s")
        return _reached(began, f"it says nothing within {LIMIT_S:g} s", well=False)
    except ConnectionRefusedError:
        return Unreachable("nothing listens there")
    except (OSError, EOFError) as error:
        if connected:
            return _reached(began, "it does not answer to HTTP")
        return Unreachable(error.strerror or "it cannot be reached" if isinstance(error, OSError) else "")
    return _judged(began, status)


async def _health_status(
    address: LocalAddress, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> int:
    """The status of GET /health; 0 when what came back is not HTTP. The body is left unread."""
    host = f"{address.host}:{address.port}"
    head = f"GET /health HTTP/1.1\r\nHost: {host}\r\nUser-Agent: spark/{__version__}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    line = await reader.read(HEAD_BYTES)
    version, _, rest = line.partition(b" ")
    return int(rest[:3]) if version.startswith(b"HTTP/") and rest[:3].isdigit() else 0


def _judged(began: float, status: int) -> Reachable:
    if status in WELL:
        return _reached(began, "")
    if status in CLOSED_DOOR:
        return _reached(began, f"it does not tell Spark its health ({status})")
    if status in NO_SUCH_PATH:
        return _reached(began, "it has no /health")
    if status == 0:
        return _reached(began, "it does not answer to HTTP")
    return _reached(began, f"it says that it cannot work now ({status})", well=False)


def _reached(began: float, detail: str, *, well: bool = True) -> Reachable:
    return Reachable(round((time.perf_counter() - began) * 1000, 1), well, detail)


def _unchecked() -> ssl.SSLContext:
    """Who is there is not checked: nothing is said that others may not hear, and nothing is believed."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
