"""Addresses: where the hub is, and which hosts may be asked on the way to one of its files."""

import ipaddress
import os
from collections.abc import Iterable, Mapping
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from spark_engine.errors import InvalidRequest

DEFAULT = "https://huggingface.co"
Reach = Literal["public", "private", "loopback", "never"]
"""Who can be reached at a network address: anyone, this network, this machine, or nobody a file may come from."""
_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS = {"https": 443, "http": 80}


class Address(Struct, frozen=True):
    """A parsed http(s) address. `target` is path and query, at least `/`."""

    scheme: str
    host: str
    port: int
    target: str = "/"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What tells two servers apart."""
        return self.scheme, self.host, self.port

    @property
    def netloc(self) -> str:
        """Host and, unless it is the usual one, port; as the `Host` header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.target}"


def parse_address(text: str) -> Address:
    """Read an http(s) address; ValueError when it is none, or carries a name and password."""
    parts = urlsplit(text.strip())
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or not _is_plain(text):
        raise ValueError(f"not an http(s) address: {text[:100]!r}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = (
        parts.hostname.rstrip(".").encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    )
    return Address(parts.scheme, host.rstrip("."), parts.port or _PORTS[parts.scheme], target)


def _is_plain(text: str) -> bool:
    return all(" " < letter != "\\" and letter != "\x7f" for letter in text.strip())


def endpoint(setting: str, environ: Mapping[str, str] = os.environ) -> Address:
    """The hub's address: the setting, else HF_ENDPOINT, else the public hub. InvalidRequest when it is none."""
    text = setting.strip() or environ.get("HF_ENDPOINT", "").strip() or DEFAULT
    try:
        return parse_address(text.rstrip("/"))
    except ValueError as error:
        raise InvalidRequest(
            "hub_address_wrong",
            "The hub's address is wrong",
            f"{text[:100]!r} is not an http(s) address without a name and password.",
            "Correct hub.endpoint (or HF_ENDPOINT), as in https://huggingface.co.",
            param="hub.endpoint",
        ) from error


def reach(text: str) -> Reach:
    """Who is reached at a numeric address, whatever it is wrapped in; ValueError when it is not numeric."""
    ip = _unwrapped(ipaddress.ip_address(text.partition("%")[0]))
    if ip.is_loopback:
        return "loopback"
    if ip.is_unspecified or ip.is_multicast or ip.is_link_local or ip.is_reserved:
        return "never"
    return "public" if ip.is_global else "private"


def _unwrapped(ip: _Ip) -> _Ip:
    """The IPv4 address inside an IPv6 one, if there is one."""
    if not isinstance(ip, ipaddress.IPv6Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def furthest(addresses: Iterable[str]) -> frozenset[Reach]:
    """Everyone who is reached at these addresses."""
    return frozenset(reach(address) for address in addresses)


def objection(target: Address, reached: frozenset[Reach], home: frozenset[Reach] | None) -> str:
    """Why nothing is fetched from there, as a phrase; empty when it may be. `home` is who the hub itself is among;
    None: `target` is the hub, which its user chose."""
    if "never" in reached:
        return "it leads to an address that no hub has"
    strange = reached - {"public"} - (reached if home is None else home)
    if strange:
        return f"it leads to a {min(strange)} address, and the hub is not at one"
    if target.scheme != "https" and (not reached or "public" in reached):
        return "it is not encrypted (https)"
    return ""
