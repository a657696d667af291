"""The key/value cache of an ONNX decoder: slots in rows of one buffer per tensor, growing and shrinking by need."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import DTypeLike, NDArray

BLOCK = 256
SHRINK_BELOW = 4
IDLE_SHARE = 4  # an idle row costs each step; moving rows costs once


class Window(Struct, frozen=True):
    """Neighbouring rows, `first` to `first + count - 1`."""

    first: int
    count: int

    @property
    def rows(self) -> range:
        """The rows, in order."""
        return range(self.first, self.first + self.count)


class KeyValueCache:
    """Buffers [rows, kv_heads, capacity, head_size], one per cached tensor, and which slot lives in which row.

    `lengths[row]` counts the positions in use. `version` changes whenever the buffers are new ones. `limit` is how
    many bytes they may have; only what is in use itself may take more.
    """

    def __init__(
        self, tensors: int, kv_heads: int, head_size: int, dtype: DTypeLike, *, slots: int, context: int
    ) -> None:
        self._tensors, self._heads, self._size, self._dtype = tensors, kv_heads, head_size, dtype
        self._slots, self._context = slots, context
        self._row_of: dict[int, int] = {}
        self.buffers: list[NDArray[Any]] = []
        self.lengths: list[int] = []
        self.capacity = 0
        self.version = 0
        self.limit = sys.maxsize

    @property
    def rows(self) -> int:
        """How many rows the buffers have."""
        return len(self.lengths)

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers."""
        return sum(buffer.nbytes for buffer in self.buffers)

    def nbytes_for(self, lengths: Sequence[int]) -> int:
        """Bytes of the smallest buffers that hold slots of these lengths."""
        held = [length for length in lengths if length]
        return self._bytes(len(held), self._rounded(max(held, default=0)))

    def row(self, slot: int) -> int:
        """The row of a slot, given to it when it has none."""
        if slot not in self._row_of:
            taken = set(self._row_of.values())
            self._row_of[slot] = next(row for row in range(self._slots) if row not in taken)
            self.reserve(1)
        return self._row_of[slot]

    def length(self, slot: int) -> int:
        """Positions in use of a slot."""
        return self.lengths[self._row_of[slot]] if slot in self._row_of else 0

    def set_length(self, slot: int, length: int) -> None:
        """Say how many positions of a slot are in use."""
        self.lengths[self.row(slot)] = length

    def reserve(self, positions: int) -> None:
        """Make room for `positions` in every row that is taken."""
        rows = 1 + max(self._row_of.values(), default=-1)
        if rows > self.rows or positions > self.capacity:
            self._grow(rows, positions)

    def window(self, slots: Iterable[int]) -> Window:
        """Neighbouring rows with all of `slots`, which have rows. Rows move when many would be idle,
        or when an idle row among them is full: a step writes one position into every row of its window."""
        active = sorted(self._row_of[slot] for slot in slots)
        span = range(active[0], active[-1] + 1)
        idle = set(span).difference(active)
        if IDLE_SHARE * len(idle) > len(active) or any(self.lengths[row] >= self._context for row in idle):
            self._gather(active)
            return Window(0, len(active))
        return Window(span.start, len(span))

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Make the first `length` positions of one slot those of another."""
        target = self.row(slot_to)
        self._copy_row(self.row(slot_from), target, length)
        self.lengths[target] = length

    def free(self, slot: int) -> None:
        """Forget a slot; shrink when most of the memory is not needed any more."""
        row = self._row_of.pop(slot, None)
        if row is not None:
            self.lengths[row] = 0
            self._shrink()

    def clear(self) -> None:
        """Give everything back."""
        self._row_of.clear()
        self._resize(0, 0)

    def _grow(self, rows: int, positions: int) -> None:
        """At least `rows` rows of `positions`: twice what there was if the limit allows, else just what is needed."""
        roomy_rows = self.rows if rows <= self.rows else min(self._slots, max(rows, 2 * self.rows))
        roomy = (
            self.capacity if positions <= self.capacity else self._rounded(max(positions, 2 * self.capacity))
        )
        if self._bytes(roomy_rows, roomy) > self.limit:
            self._gather(sorted(self._row_of.values()))
            roomy_rows, roomy = len(self._row_of), self._rounded(max(positions, *self.lengths, 0))
        self._resize(roomy_rows, roomy)

    def _shrink(self) -> None:
        over = self.nbytes > self.limit
        if over:
            self._gather(sorted(self._row_of.values()))
        rows = 1 + max(self._row_of.values(), default=0)
        room = (1 if over else 2) * max(self.lengths, default=0)
        capacity = min(self.capacity, self._rounded(room) if self._row_of else BLOCK)
        factor = SHRINK_BELOW if self._row_of else 2
        if self.rows * self.capacity >= (1 if over else factor) * rows * capacity:
            self._resize(rows, capacity)

    def _bytes(self, rows: int, capacity: int) -> int:
        item = np.dtype(self._dtype).itemsize
        return self._tensors * rows * self._heads * capacity * self._size * item

    def _rounded(self, positions: int) -> int:
        return min(self._context, -(-max(1, positions) // BLOCK) * BLOCK)

    def _resize(self, rows: int, capacity: int) -> None:
        """New buffers with what is in use of the old ones, one at a time so that memory peaks low."""
        lengths = (self.lengths + [0] * rows)[:rows]
        shape = (rows, self._heads, capacity, self._size)
        for index in range(self._tensors):
            new = np.zeros(shape, self._dtype)
            for row, length in enumerate(lengths):
                if length:
                    new[row, :, :length] = self.buffers[index][row, :, :length]
            self.buffers[index : index + 1] = [new]
        self.lengths, self.capacity = lengths, capacity
        self.version += 1

    def _gather(self, active: list[int]) -> None:
        """Exchange rows until the active ones are the first."""
        homeless = [row for row in active if row >= len(active)]
        for target in (row for row in range(len(active)) if row not in active):
            self._exchange(homeless.pop(), target)

    def _exchange(self, row: int, other: int) -> None:
        length = max(self.lengths[row], self.lengths[other])
        for buffer in self.buffers:
            kept = buffer[other, :, :length].copy()
            buffer[other, :, :length] = buffer[row, :, :length]
            buffer[row, :, :length] = kept
        self.lengths[row], self.lengths[other] = self.lengths[other], self.lengths[row]
        moved = {row: other, other: row}
        self._row_of = {slot: moved.get(place, place) for slot, place in self._row_of.items()}

    def _copy_row(self, source: int, target: int, length: int) -> None:
        for buffer in self.buffers:
            buffer[target, :, :length] = buffer[source, :, :length]
