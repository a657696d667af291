"""Where llama.cpp keeps each slot: in one context, or in one of two when the model switches its rotary factors.

llama.cpp takes the factors of a context by the room of its streams, for short sequences too. So sequences up to the
original context live in streams of at most that room, and longer ones in a second context whose streams have more.
"""

import sys
from collections.abc import Sequence

from msgspec.structs import replace

from spark_engine.backends.base import SlotInput
from spark_engine.backends.gguf_model import GgufModel
from spark_engine.backends.gguf_streams import CONTEXT_BLOCK, ContextSettings, Streams
from spark_engine.backends.rope_switch import RopeSwitch
from spark_engine.errors import ContextTooLarge


class Sides:
    """The streams of a decoder's slots. `original` is the longest sequence with short factors; None: no switch."""

    def __init__(self, model: GgufModel, settings: ContextSettings, original: int | None = None) -> None:
        self.switch = RopeSwitch(original)
        self._model, self._original = model, original or settings.context
        self._long_settings = replace(settings, least=self._original + 1)
        self._short = Streams(model, replace(settings, context=self._original))
        self._long: Streams | None = None
        self._limit = sys.maxsize

    def __getitem__(self, slot: int) -> Streams:
        """The streams that a slot's is one of, or would be."""
        return self._long if self._long is not None and self.switch.is_long(slot) else self._short

    @property
    def nbytes(self) -> int:
        """Bytes of the cache's buffers."""
        return self._short.nbytes + (self._long.nbytes if self._long else 0)

    def nbytes_for(self, lengths: Sequence[int]) -> int:
        """Bytes of the smallest streams that hold slots of these lengths."""
        cells, long = self._short.cells, [length for length in lengths if length > self._original]
        short = [length for length in lengths if length <= self._original]
        needed = cells.nbytes_for(short, self._short.settings)
        return needed + (cells.nbytes_for(long, self._long_settings) if long else 0)

    def settings_for(self, length: int) -> ContextSettings:
        """Those of the streams where a sequence of a length lives."""
        return self._long_settings if self.switch.makes_long(length) else self._short.settings

    def limit(self, limit: int) -> None:
        """How many bytes all streams may have; only what is in use itself may take more."""
        self._limit = limit
        self._short.shrink_to(limit)

    def measure(self, slot: int) -> None:
        """Learn from a slot with two positions how many bytes a position takes."""
        self._short.measure(slot)

    def enter(self, entry: SlotInput) -> SlotInput:
        """What to compute for an entry; its slot changes sides when its sequence does."""
        before = self[entry.slot]
        work = self.switch.enter(entry)
        if work is not entry:
            before.free(entry.slot)
        if self.switch.is_long(entry.slot) and self._long is None:
            self._long = Streams(self._model, self._long_settings, self._short.cells)
        self._settle()
        return work

    def undo(self, work: SlotInput) -> None:
        """Forget what failed to be computed."""
        if self[work.slot].holds(work.slot):
            self[work.slot].set_length(work.slot, work.position)
        self.switch.truncate(work.slot, work.position)

    def reserve(self, group: Sequence[SlotInput]) -> None:
        """Room for entries of one side, of which the other side gives up what it does not need."""
        ends = {entry.slot: entry.position + len(entry.tokens) for entry in group}
        streams = self[group[0].slot]
        if self._long is not None:
            other = self._short if streams is self._long else self._long
            other.shrink_to(self._limit - streams.nbytes_with(ends))
            streams.limit = self._limit - other.nbytes
        streams.reserve(ends, max(entry.reach for entry in group))

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Make the first `length` positions of one slot those of another, on the same side."""
        if self[slot_to] is not self[slot_from]:
            self.free(slot_to)
        self[slot_from].copy(slot_from, slot_to, length)
        self.switch.copy(slot_from, slot_to, length)

    def truncate(self, slot: int, length: int) -> None:
        """Forget a slot's positions from `length` on."""
        self[slot].truncate(slot, length)
        self.switch.truncate(slot, length)

    def free(self, slot: int) -> None:
        """Forget a slot."""
        self[slot].free(slot)
        self.switch.free(slot)
        self._settle()

    def close(self) -> None:
        """Free the contexts."""
        self._short.close()
        if self._long is not None:
            self._long.close()
            self._long = None

    def _settle(self) -> None:
        """Give the second context back when no slot is in it or about to be."""
        if self._long is not None and self._long.is_empty and not self.switch.any_long:
            self._long.close()
            self._long, self._short.limit = None, self._limit


def context_and_switch(model: GgufModel, wanted: int) -> tuple[int, int | None]:
    """The context to run with, `wanted` or all the model has, and where in it rotary factors switch (None: nowhere).

    ContextTooLarge when llama.cpp, whose contexts grow in steps, would switch too early.
    """
    longest = model.number("context_length") or wanted
    original = model.number("rope.scaling.original_context_length") or longest
    context, exact = min(wanted, longest), original // CONTEXT_BLOCK * CONTEXT_BLOCK
    switches = model.metadata(f"{model.architecture}.rope.scaling.type") in ("", "longrope")
    if not switches or original >= longest or context <= exact:
        return context, None
    if exact < original:
        raise ContextTooLarge(wanted, exact)
    return context, original
