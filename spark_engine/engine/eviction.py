"""Which loaded models make room for another: those idle the longest for what it costs to load them again. Pure."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

LEAST_RELOAD_S = 0.1


class Occupant(Struct, frozen=True):
    """A loaded model. `bytes`: what its end makes free; `used_at`: when it was last asked, in seconds of any steady
    clock; `reload_s`: how long loading took. `stays`: it runs requests, is pinned, or is not loaded yet."""

    id: str
    bytes: int
    used_at: float
    reload_s: float
    stays: bool = False


def plan(occupants: Sequence[Occupant], needed: int, budget: int, now: float) -> tuple[str, ...] | None:
    """Whom to unload so that `needed` bytes fit into `budget` beside the rest, the least missed first.

    Empty when there is room already; None when unloading all that may go is not enough.
    """
    lacking = sum(occupant.bytes for occupant in occupants) + needed - budget
    if lacking <= 0:
        return ()
    chosen: list[Occupant] = []
    for occupant in sorted(candidates(occupants), key=lambda o: missed(o, now)):
        chosen.append(occupant)
        if sum(o.bytes for o in chosen) >= lacking:
            return tuple(o.id for o in _without_superfluous(chosen, lacking))
    return None


def candidates(occupants: Iterable[Occupant]) -> list[Occupant]:
    """Those that may go and whose end helps."""
    return [occupant for occupant in occupants if not occupant.stays and occupant.bytes > 0]


def missed(occupant: Occupant, now: float) -> float:
    """How much a model would be missed: seconds to load it again for each second that nobody wanted it."""
    return max(LEAST_RELOAD_S, occupant.reload_s) / max(1.0, now - occupant.used_at)


def _without_superfluous(chosen: list[Occupant], lacking: int) -> list[Occupant]:
    """Keep those whose place the others can free as well, the most missed first."""
    surplus = sum(o.bytes for o in chosen) - lacking
    needed: list[Occupant] = []
    for occupant in reversed(chosen):
        if occupant.bytes <= surplus:
            surplus -= occupant.bytes
        else:
            needed.append(occupant)
    return needed[::-1]
