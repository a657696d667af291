"""The endpoint file: where the running engine is and the owner's token, readable by the owner only."""

import msgspec
import psutil
from msgspec import Struct

from spark_engine.paths import BaseDir
from spark_engine.records import write_whole


class Endpoint(Struct, frozen=True):
    """Address, owner token and process of an engine. `socket` is its Unix socket (empty: none)."""

    address: str
    token: str
    pid: int
    version: str
    socket: str = ""


def write_endpoint(base: BaseDir, endpoint: Endpoint) -> None:
    """Write the file whole or not at all, mode 0600."""
    base.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(base.endpoint_file, msgspec.json.encode(endpoint))


def read_endpoint(base: BaseDir) -> Endpoint | None:
    """The engine of this base directory, or None when no process stands behind the file."""
    try:
        endpoint = msgspec.json.decode(base.endpoint_file.read_bytes(), type=Endpoint)
    except (OSError, msgspec.MsgspecError):
        return None
    return endpoint if is_alive(endpoint.pid) else None


def remove_endpoint(base: BaseDir) -> None:
    """Forget the engine of this base directory."""
    base.endpoint_file.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Whether a process runs under this id; one that ended but was not collected by its parent does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
