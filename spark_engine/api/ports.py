"""Sockets to listen on: loopback ports and the owner's Unix socket, and who holds a port that is busy."""

import errno
import os
import socket
import sys
from pathlib import Path

import psutil

from spark_engine.errors import StartRefused

LOOPBACK = "127.0.0.1"


def bind_port(port: int) -> socket.socket:
    """A socket bound to the loopback port; OSError when that is not possible."""
    # asyncio switches Nagle's delay off (40 ms per reply) only on sockets that name their protocol.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":  # where SO_REUSEADDR would let two programs share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def bind_api_port(port: int) -> socket.socket:
    """As `bind_port`, but a port that cannot be had is a StartRefused that names the holder and a free port."""
    try:
        return bind_port(port)
    except OSError as error:
        raise _refused(port, error) from error


def bind_owner_socket(path: Path) -> socket.socket:
    """The owner's Unix socket, mode 0600; a leftover of a dead engine is replaced. OSError when not possible."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


def holder_of(port: int) -> str:
    """Who listens on a port: `python3 (process 4711)`, or words for what this user may not see."""
    try:
        pids = [
            c.pid
            for c in psutil.net_connections("tcp")
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port
        ]
        return (
            f"{psutil.Process(pids[0]).name()} (process {pids[0]})" if pids and pids[0] else "another program"
        )
    except psutil.Error:
        return "another program"


def _refused(port: int, error: OSError) -> StartRefused:
    other = f"choose another port: `spark serve --port {_free_port(port)}`."
    if error.errno == errno.EADDRINUSE or (sys.platform == "win32" and error.errno == errno.EACCES):
        text = f"{holder_of(port)} already listens on {LOOPBACK}:{port}."
        return StartRefused("port_busy", f"Port {port} is busy", text, f"End it, or {other}")
    text = f"{LOOPBACK}:{port} cannot be opened: {error.strerror}."
    return StartRefused("port_refused", f"Port {port} cannot be used", text, f"Please {other}")


def _free_port(busy: int) -> int:
    """A port that is free now, ten and more above the busy one."""
    for port in range(busy + 10, min(busy + 1000, 65536), 10):
        try:
            bind_port(port).close()
        except OSError:
            continue
        return port
    return 8920
