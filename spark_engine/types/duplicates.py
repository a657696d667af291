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
