"""Which process is at the other end of a local connection. Reads the system's tables: only ever called in a thread."""

import os
import re
import socket
import struct
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
from msgspec import Struct

from spark_engine.types.apps import Peer

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
LISTENS = "0A"


class _Connection(Struct, frozen=True):
    port: int
    other_port: int
    status: str
    pid: int | None

    @property
    def listens(self) -> bool:
        """Whether it waits for others to connect."""
        return self.status == str(psutil.CONN_LISTEN)


class PeerFinder:
    """Looks processes up; those that were found lately are looked at first, then the newest. On Linux the system's
    tables are read straight: psutil, which serves elsewhere, takes several times as long."""

    def __init__(self, system: str = sys.platform) -> None:
        self._has_tables = system == "linux"
        self._lately: deque[int] = deque(maxlen=64)

    def find(self, peer: Peer) -> int | None:
        """The process at the other end; None when it is gone or belongs to another user."""
        if peer.pid is None and not peer.port:
            return None
        pid = peer.pid or self._of_connection(peer)
        return self._noted(pid)

    def listener(self, port: int) -> int | None:
        """The process that listens on a loopback port; None when there is none, or the system does not tell."""
        if self._has_tables:
            inode = next(_inodes(port, None, LISTENS), None)
            return self._noted(self._holder(inode) if inode else None)
        wanted = (c.pid for c in _connections() if c.listens and c.port == port)
        return self._noted(next(wanted, None))

    def _of_connection(self, peer: Peer) -> int | None:
        if self._has_tables:
            inode = next(_inodes(peer.port, peer.own_port, None, peer.host), None)
            return self._holder(inode) if inode else None
        ends = (peer.port, peer.own_port)
        return next((c.pid for c in _connections() if (c.port, c.other_port) == ends), None)

    def _holder(self, inode: str) -> int | None:
        """The process that has a socket open."""
        wanted = f"socket:[{inode}]"
        return next((pid for pid in self._likeliest() if _holds(pid, wanted)), None)

    def _likeliest(self) -> Iterator[int]:
        yield from reversed(self._lately)
        lately = set(self._lately)
        yield from sorted((pid for pid in _pids() if pid not in lately), reverse=True)

    def _noted(self, pid: int | None) -> int | None:
        if pid is not None and pid not in self._lately:
            self._lately.append(pid)
        return pid


def _inodes(port: int, other_port: int | None, state: str | None, host: str = "") -> Iterator[str]:
    """Inodes of TCP sockets bound to `port` (connected to `other_port`), in the system's tables."""
    other = "[0-9A-F]{4}" if other_port is None else f"{other_port:04X}"
    line = re.compile(
        rf": ([0-9A-F]+):{port:04X} [0-9A-F]+:{other} ({state or '[0-9A-F]{2}'}) \S+ \S+ \S+ +\d+ +\d+ (\d+)"
    )
    address = _as_in_table(host)
    for table in TABLES:
        try:
            text = table.read_text()
        except OSError:
            continue
        for found in line.finditer(text):
            if found.group(1).endswith(address) and found.group(3) != "0":
                yield found.group(3)


def _as_in_table(host: str) -> str:
    """An IPv4 address as the tables write it: in the machine's byte order; empty for any other."""
    try:
        return f"{struct.unpack('=I', socket.inet_aton(host))[0]:08X}" if host.count(".") == 3 else ""
    except OSError:
        return ""


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _holds(pid: int, wanted: str) -> bool:
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            return any(_target(entry.path) == wanted for entry in entries)
    except OSError:
        return False


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _connections() -> Iterable[_Connection]:
    """Every TCP connection the system shows; where it shows all only to an administrator, those of own processes."""
    try:
        return [_as_connection(found, found.pid) for found in psutil.net_connections("tcp")]
    except psutil.AccessDenied:
        return _own_connections()


def _own_connections() -> Iterator[_Connection]:
    for process in sorted(psutil.process_iter(), key=lambda p: int(p.pid), reverse=True):
        try:
            for found in process.net_connections("tcp"):
                yield _as_connection(found, process.pid)
        except (psutil.Error, OSError):
            continue


def _as_connection(found: Any, pid: int | None) -> _Connection:
    other = found.raddr.port if found.raddr else 0
    return _Connection(found.laddr.port if found.laddr else 0, other, found.status, pid)
