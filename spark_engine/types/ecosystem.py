"""The programs Spark belongs with (OZONE STUDIO and its parts): where they are, whether they answer, what they ask."""

from msgspec import Struct

from spark_engine.types.apps import Usage


class NotAsked(Struct, frozen=True, tag="not_asked"):
    """Nobody has looked yet."""


class SwitchedOff(Struct, frozen=True, tag="switched_off"):
    """The settings say not to look."""


class Reachable(Struct, frozen=True, tag="reachable"):
    """Something listens there. `well`: it does not say that it cannot work; `detail` says what it did say.

    `latency_ms` is from the connection's begin to its answer.
    """

    latency_ms: float
    well: bool = True
    detail: str = ""


class Unreachable(Struct, frozen=True, tag="unreachable"):
    """Nothing answers there; `reason` as in `nothing listens there`."""

    reason: str


MemberStatus = NotAsked | SwitchedOff | Reachable | Unreachable


class EcosystemMember(Struct, frozen=True):
    """One of the programs. `address` is empty when it is switched off; times are Unix seconds, None: not since the
    engine started. `usage` is what it has asked of Spark."""

    id: str
    name: str
    address: str
    status: MemberStatus = NotAsked()
    asked_at: float | None = None
    last_seen: float | None = None
    usage: Usage = Usage()


MEMBERS: dict[str, tuple[str, int]] = {
    "ozone_studio": ("OZONE STUDIO", 8980),
    "cognis": ("COGNIS", 8920),
    "zsei": ("ZSEI", 8930),
    "nexus": ("NEXUS", 8940),
    "bridge": ("BRIDGE", 8950),
    "forge": ("FORGE", 8960),
    "scribe": ("SCRIBE", 8970),
}
"""Their names and usual ports, by id."""
