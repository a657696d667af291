"""What a download tells whoever started it: one message a line of its stdout."""

import msgspec
from msgspec import Struct

from spark_engine.catalog.hub.failures import Failed

__all__ = ["Done", "Failed", "Listed", "Message", "Progress", "parse_message"]


class Listed(Struct, frozen=True, tag="listed"):
    """The repository answered: the commit, and what there is to fetch."""

    revision: str
    bytes_total: int
    files_total: int


class Progress(Struct, frozen=True, tag="progress"):
    """Bytes fetched and kept so far, files whole and checked. `seconds_left` is None while it cannot be told;
    `trouble` says in a phrase what is waited for (empty: nothing)."""

    bytes_done: int
    files_done: int
    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    trouble: str = ""


class Done(Struct, frozen=True, tag="done"):
    """The model stands at `path`, whole and checked. `seconds`: how long this run of the download took."""

    path: str
    seconds: float


Message = Listed | Progress | Failed | Done


def parse_message(line: str) -> Message | None:
    """The message in a line; None for anything else that came out of the process."""
    try:
        message: Message = msgspec.json.decode(line, type=Message)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return message
