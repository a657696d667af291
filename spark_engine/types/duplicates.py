"""Files of models that lie on this machine more than once: who has them, and what a copy less would free."""

from msgspec import Struct


class Copy(Struct, frozen=True):
    """One file with a model's contents. `owner` is the program it belongs to, `variant` the id it serves.
    `linked`: it takes no room of its own, for another copy is the same file under a second name."""

    path: str
    owner: str
    variant: str
    linked: bool = False


class DuplicateGroup(Struct, frozen=True):
    """Files with the same contents, `size_bytes` each. `reclaimable_bytes`: what only one of them would not take."""

    sha256: str
    size_bytes: int
    copies: tuple[Copy, ...]
    reclaimable_bytes: int

    @property
    def owners(self) -> tuple[str, ...]:
        """The programs that have one, each once."""
        return tuple(dict.fromkeys(copy.owner for copy in self.copies))


class Comparing(Struct, frozen=True, tag="comparing"):
    """Files are being read: so many bytes of all that have to be."""

    bytes_done: int
    bytes_total: int


class Compared(Struct, frozen=True, tag="compared"):
    """All of them, the one with most to free first."""

    groups: tuple[DuplicateGroup, ...]

    @property
    def reclaimable_bytes(self) -> int:
        """What all groups together would free."""
        return sum(group.reclaimable_bytes for group in self.groups)


DuplicateSearch = Comparing | Compared
"""What a search for duplicates says: how far it is, and in the end what it found."""
