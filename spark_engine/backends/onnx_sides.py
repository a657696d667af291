"""Where an ONNX decoder keeps each slot: in one cache, or in one of two when the model switches its rotary factors.

The exported graph takes its factors for a whole run, by the width of the attention mask. So sequences up to the
original context live in a cache that is no longer, and longer ones in a second cache, whose runs have wider masks.
"""

import sys
from collections.abc import Callable, Sequence

from spark_engine.backends.base import SlotInput
from spark_engine.backends.onnx_kv import KeyValueCache
from spark_engine.backends.onnx_run import Bindings
from spark_engine.backends.rope_switch import RopeSwitch

MakeCache = Callable[[int], KeyValueCache]
Bind = Callable[[KeyValueCache], Bindings]


class Side:
    """A cache bound to the session. Masks of its runs have at least `least` positions, and at most `context`."""

    def __init__(self, cache: KeyValueCache, bindings: Bindings, context: int, least: int = 0) -> None:
        self.cache, self.bindings, self.context, self.least = cache, bindings, context, least

    def nbytes_for(self, lengths: Sequence[int]) -> int:
        """Bytes of the smallest buffers for slots of these lengths."""
        return self.cache.nbytes_for([max(length, self.least) for length in lengths if length])


class Sides:
    """The caches of a decoder's slots. `original` is the longest sequence with short factors; None: no switch."""

    def __init__(self, make_cache: MakeCache, bind: Bind, context: int, original: int | None) -> None:
        self.switch = RopeSwitch(original)
        self._original = original or context
        caches = [make_cache(self._original), make_cache(context)]
        self._short = Side(caches[0], bind(caches[0]), self._original)
        self._long = Side(caches[1], bind(caches[1]), context, self._original + 1)
        self._limit = sys.maxsize

    def __getitem__(self, slot: int) -> Side:
        """The side that a slot is on."""
        return self._long if self.switch.is_long(slot) else self._short

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers."""
        return self._short.cache.nbytes + self._long.cache.nbytes

    def nbytes_for(self, lengths: Sequence[int]) -> int:
        """Bytes of the smallest buffers that hold slots of these lengths."""
        short = [length for length in lengths if length <= self._original]
        long = [length for length in lengths if length > self._original]
        return self._short.nbytes_for(short) + (self._long.nbytes_for(long) if long else 0)

    def limit(self, limit: int) -> None:
        """How many bytes the buffers may have."""
        self._limit = limit
        self._share()

    def enter(self, entry: SlotInput) -> SlotInput:
        """What to compute for an entry; its slot changes sides when its sequence does."""
        before = self[entry.slot]
        work = self.switch.enter(entry)
        if work is not entry:
            before.cache.free(entry.slot)
        if self.switch.any_long:
            self._share()
        return work

    def undo(self, work: SlotInput) -> None:
        """Forget what failed to be computed."""
        self[work.slot].cache.set_length(work.slot, work.position)
        self.switch.truncate(work.slot, work.position)

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Make the first `length` positions of one slot those of another, on the same side."""
        if self[slot_to] is not self[slot_from]:
            self.free(slot_to)
        self[slot_from].cache.copy(slot_from, slot_to, length)
        self.switch.copy(slot_from, slot_to, length)

    def truncate(self, slot: int, length: int) -> None:
        """Positions from `length` on are written over by whatever comes next."""
        cache = self[slot].cache
        cache.set_length(slot, min(length, cache.length(slot)))
        self.switch.truncate(slot, length)

    def free(self, slot: int) -> None:
        """Give the slot's row back."""
        self[slot].cache.free(slot)
        self.switch.free(slot)

    def clear(self) -> None:
        """Give everything back."""
        self._short.cache.clear()
        self._long.cache.clear()

    def _share(self) -> None:
        """Each cache may have what the other leaves."""
        self._short.cache.limit = self._limit - self._long.cache.nbytes
        self._long.cache.limit = self._limit - self._short.cache.nbytes
