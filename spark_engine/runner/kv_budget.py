"""How much memory the key/value cache may take, and what fits into it."""

from collections.abc import Sequence

from spark_engine.backends.base import Decoder
from spark_engine.hardware.memory import read_memory

AUTO_SHARE = 0.5
LEAST_BYTES = 64 * 1024 * 1024


class KvBudget:
    """At most `bytes` for the cache of a loaded decoder; `context` is the longest sequence that fits alone."""

    def __init__(self, decoder: Decoder, bytes: int = 0) -> None:
        """`bytes` 0: half of the memory that is free now, as the weights are loaded already."""
        self._decoder = decoder
        self.bytes = bytes or max(LEAST_BYTES, int(AUTO_SHARE * read_memory().available_bytes))
        decoder.limit_kv(self.bytes)
        self.context = self._longest(decoder.max_context)

    def fits(self, lengths: Sequence[int]) -> bool:
        """Whether slots of these lengths, in tokens, may be held at once."""
        return self._decoder.kv_bytes_for(lengths) <= self.bytes

    def _longest(self, context: int) -> int:
        """The largest length up to `context` that fits alone, at least 1."""
        fits, too_long = 1, context + 1
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            fits, too_long = (middle, too_long) if self.fits([middle]) else (fits, middle)
        return fits
