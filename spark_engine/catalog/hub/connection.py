"""Opens connections: to hosts that were checked, at the addresses that were checked, through the user's proxy."""

import base64
import http.client
import ipaddress
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import unquote, urlsplit

import certifi

from spark_engine.catalog.hub.address import Address, reach
from spark_engine.catalog.hub.failures import Interrupted, bad_certificate
from spark_engine.catalog.hub.patience import Patience
from spark_engine.errors import Unavailable

NEAR_WINDOW_BYTES = 1 << 20
"""Most bytes that a server on this machine or network may send ahead: it may be faster than the disk, and what lies
unread in the system's buffers is lost when a download is killed. From afar bytes come slower than they are read."""
Check = Callable[[Address, list[str], bool], None]
"""Raises when the host must not be asked: the address, the network addresses it stands for, whether by a proxy."""


class Route:
    """An open connection to a host. `target` is what the request line has to say."""

    def __init__(self, sock: socket.socket, target: str, headers: dict[str, str]) -> None:
        self.sock, self.target, self.headers = sock, target, headers

    def request(self, address: Address, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Ask with GET; the answer's head. Its body is read from it."""
        connection = http.client.HTTPConnection(address.host, address.port)
        connection.sock = self.sock
        everything = {"Host": address.netloc, **headers, **self.headers, "Connection": "close"}
        connection.request("GET", self.target, headers=everything)
        return connection.getresponse()


def open_route(address: Address, check: Check, patience: Patience) -> Route:
    """Connect; Interrupted when it does not work now, SparkError when it must not be or is not safe."""
    proxy = proxy_for(address)
    with network_trouble(address.host):
        if proxy is None:
            sock = _connected(address, check, patience)
        else:
            check(address, _known_addresses(address), True)
            sock = socket.create_connection((proxy.host, proxy.port), patience.connect_s)
        try:
            return _prepared(sock, address, proxy, patience)
        except BaseException:
            sock.close()
            raise


def _prepared(sock: socket.socket, address: Address, proxy: "Proxy | None", patience: Patience) -> Route:
    if address.scheme == "http":
        sock.settimeout(patience.stall_s)
        return Route(sock, str(address) if proxy else address.target, proxy.headers if proxy else {})
    if proxy is not None:
        _tunnel(sock, address, proxy)
    secured = tls_context().wrap_socket(sock, server_hostname=address.host)
    secured.settimeout(patience.stall_s)
    return Route(secured, address.target, {})


def _connected(address: Address, check: Check, patience: Patience) -> socket.socket:
    """A socket to one of the host's addresses, all of which were checked."""
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    places = list(dict.fromkeys(str(place[4][0]) for place in found))
    check(address, places, False)
    for place in places[:-1]:
        try:
            return _opened(place, address.port, patience)
        except OSError:
            continue
    return _opened(places[-1], address.port, patience)


def _opened(place: str, port: int, patience: Patience) -> socket.socket:
    sock = socket.create_connection((place, port), patience.connect_s)
    if reach(place) != "public":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NEAR_WINDOW_BYTES)
    return sock


def _known_addresses(address: Address) -> list[str]:
    """The host's addresses as far as they can be told here; behind a proxy often only the proxy can."""
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except OSError:
            return []
        return list(dict.fromkeys(str(place[4][0]) for place in found))
    return [address.host]


class Proxy:
    """A proxy of the user's environment, `http://name:password@host:port`."""

    def __init__(self, text: str) -> None:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        if parts.scheme != "http" or not parts.hostname:
            raise Unavailable(
                "proxy_unsupported",
                "This proxy cannot be used",
                f"The environment names a {parts.scheme} proxy; Spark uses http proxies.",
                "Set HTTPS_PROXY to an http:// address, or NO_PROXY to the hub's host.",
            )
        self.host, self.port = parts.hostname, parts.port or 80
        self.headers: dict[str, str] = {}
        if parts.username:
            name = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.headers["Proxy-Authorization"] = f"Basic {base64.b64encode(name.encode()).decode()}"


def proxy_for(address: Address) -> Proxy | None:
    """The proxy that environment or system name for this host; none for this machine itself."""
    proxies = urllib.request.getproxies()
    text = proxies.get(address.scheme) or proxies.get("all")
    if not text or _is_this_machine(address.host):
        return None
    if urllib.request.proxy_bypass(address.host) or urllib.request.proxy_bypass(
        f"{address.host}:{address.port}"
    ):
        return None
    return Proxy(text)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tunnel(sock: socket.socket, address: Address, proxy: Proxy) -> None:
    """Have the proxy connect us through."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    where = f"{host}:{address.port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}", *(f"{k}: {v}" for k, v in proxy.headers.items())]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < 16384:
        piece = sock.recv(1)  # what follows the head is the host's
        if not piece:
            raise Interrupted("the proxy closed the connection")
        head += piece
    status = head.split(None, 2)[1:2]
    if status != [b"200"]:
        raise Interrupted(f"the proxy refused ({(status or [b'?'])[0].decode('latin-1')[:20]})", tries=3)


@cache
def tls_context() -> ssl.SSLContext:
    """Trusts what the system trusts, SSL_CERT_FILE, and certifi's list."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


@contextmanager
def network_trouble(host: str) -> Iterator[None]:
    """Turn what a connection can fail with into Interrupted, with a phrase for people."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise bad_certificate(host, error.verify_message or str(error)) from error
    except TimeoutError as error:
        raise Interrupted(f"nothing came from {host}") from error
    except socket.gaierror as error:
        raise Interrupted(f"the name {host} was not found") from error
    except (ConnectionError, http.client.HTTPException, EOFError) as error:
        raise Interrupted(f"the connection to {host} was cut") from error
    except OSError as error:
        raise Interrupted(f"no connection to {host} ({error.strerror or type(error).__name__})") from error
