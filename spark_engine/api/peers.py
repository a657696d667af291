"""The other end of a connection as the listener sees it: an address, or at a Unix socket a process."""

import asyncio
import socket
import struct
import sys

from spark_engine.engine.interface import AppConnection
from spark_engine.types.apps import Peer

CONNECTION = "spark.connection"
"""Key of a scope's `state`: the connection that the request came by."""
_MAC_LOCAL, _MAC_PEER_PID = 0, 2  # SOL_LOCAL and LOCAL_PEERPID of <sys/un.h>


class Connection:
    """One connection of a listener. The engine's side of it is made with its first request to a model."""

    def __init__(self) -> None:
        self.peer = Peer()
        self.asking: AppConnection | None = None


def peer_of(transport: asyncio.Transport) -> Peer:
    """The other end of an accepted connection."""
    other, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if isinstance(other, tuple) and isinstance(own, tuple):
        return Peer(str(other[0]), int(other[1]), str(own[0]), int(own[1]))
    connection: socket.socket | None = transport.get_extra_info("socket")
    return Peer(pid=process_at(connection)) if connection is not None else Peer()


def process_at(connection: socket.socket) -> int | None:
    """The process that opened a connection to a Unix socket; None where the system does not tell."""
    try:
        if sys.platform == "linux":
            pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        elif sys.platform == "darwin":
            pid = connection.getsockopt(_MAC_LOCAL, _MAC_PEER_PID)
        else:
            return None
    except OSError:
        return None
    return int(pid) or None
