"""Whether a model runs on this machine and how fast: told before a byte of it is loaded."""

from typing import Literal

from msgspec import Struct

FitVerdict = Literal["fits", "smaller_context", "too_large"]


class Fit(Struct, frozen=True):
    """What loading a variant with `context` tokens takes, in bytes, and what is free. `largest_context` is the most
    that fits (0: none does). `tokens_per_second` is one stream's decode speed, `measured` here or predicted from the
    memory's bandwidth (0: unknown)."""

    verdict: FitVerdict
    weights_bytes: int
    cache_bytes: int
    working_bytes: int
    free_bytes: int
    context: int
    largest_context: int
    tokens_per_second: float = 0.0
    measured: bool = False

    @property
    def needed_bytes(self) -> int:
        """All of it together."""
        return self.weights_bytes + self.cache_bytes + self.working_bytes

    @property
    def missing_bytes(self) -> int:
        """How much more memory would have to be free; 0 when it fits."""
        return max(0, self.needed_bytes - self.free_bytes)
