"""Apps: the programs of this machine that ask Spark, what they asked, and what their owner decided about them."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

AppRank = Literal["first", "normal", "last"]
UNKNOWN_APP = "unknown"
"""The id under which everything stands that the system could not name."""


class Peer(Struct, frozen=True):
    """The other end of a connection: its address and ours (empty at a Unix socket), or the process that opened it."""

    host: str = ""
    port: int = 0
    own_host: str = ""
    own_port: int = 0
    pid: int | None = None


class Usage(Struct, frozen=True):
    """What was asked of Spark and how it went. `p50_ms` and `p95_ms`: how long the latest answers took, from the
    request to their end; 0 while there was none."""

    requests: int = 0
    errors: int = 0
    p50_ms: float = 0.0
    p95_ms: float = 0.0


class AppEntry(Struct, frozen=True):
    """A program that asked Spark, with what it asked since the engine started; times are Unix seconds.

    `script` is what an interpreter at `path` runs, `agent` what its latest request called itself. `active` requests are
    under way, `waiting` of them held back because it is `paused`; `refused` ones came while it was `blocked`.
    `compute_ms` is the time models worked for it, `share` (0..1) its part of all apps' time. `rank`: whose requests go
    first.
    """

    id: str
    name: str
    path: str = ""
    script: str = ""
    agent: str = ""
    pids: tuple[int, ...] = ()
    since: float = 0.0
    last_seen: float = 0.0
    active: int = 0
    waiting: int = 0
    refused: int = 0
    usage: Usage = Usage()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    compute_ms: float = 0.0
    share: float = 0.0
    paused: bool = False
    blocked: bool = False
    rank: AppRank = "normal"

    @property
    def ruled(self) -> bool:
        """Whether its owner decided anything about it."""
        return self.paused or self.blocked or self.rank != "normal"


def quantile(ordered: Sequence[float], part: float) -> float:
    """The value below which `part` (0..1) of the ascending numbers lie; 0 where there are none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0
