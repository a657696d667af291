"""The key/value cache of an ONNX decoder where the system gives memory page by page: nothing is ever copied to grow.

All positions of all slots have addresses from the start, and memory once they are written. So a sequence that joins or
grows does not hold up the others, and each row takes what its own sequence needs, not what the longest does.
"""

import mmap
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spark_engine.backends.onnx_kv import KeyValueCache

_RELEASE = getattr(mmap, "MADV_FREE" if sys.platform == "darwin" else "MADV_DONTNEED", None)
_SMALL_PAGES = getattr(
    mmap, "MADV_NOHUGEPAGE", None
)  # a large one would be taken whole for its first position
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)


class LazyCache(KeyValueCache):
    """Buffers [slots, kv_heads, context, head_size]; `_touched[row]` positions of a row have memory."""

    def __init__(
        self, tensors: int, kv_heads: int, head_size: int, dtype: DTypeLike, *, slots: int, context: int
    ) -> None:
        super().__init__(tensors, kv_heads, head_size, dtype, slots=slots, context=context)
        self._maps: list[mmap.mmap] = []
        self._touched: list[int] = []

    @property
    def nbytes(self) -> int:
        """Bytes that have memory."""
        return sum(self._bytes(1, touched) for touched in self._touched)

    def nbytes_for(self, lengths: Sequence[int]) -> int:
        """Bytes of slots of these lengths."""
        return sum(self._bytes(1, self._rounded(length)) for length in lengths if length)

    def reserve(self, positions: int) -> None:
        """Give out the addresses, at the first time."""
        if not self.buffers:
            shape = (self._slots, self._heads, self._context, self._size)
            for _ in range(self._tensors):
                self._maps.append(_mapped(self._bytes(self._slots, self._context) // self._tensors))
                self.buffers.append(np.frombuffer(self._maps[-1], self._dtype).reshape(shape))
            self.lengths, self._touched = [0] * self._slots, [0] * self._slots
            self.capacity = self._context
            self.version += 1

    def set_length(self, slot: int, length: int) -> None:
        """Say how many positions of a slot are in use."""
        super().set_length(slot, length)
        self._touch(self.row(slot), length)

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Make the first `length` positions of one slot those of another."""
        super().copy(slot_from, slot_to, length)
        self._touch(self.row(slot_to), length)

    def free(self, slot: int) -> None:
        """Forget a slot and give its memory back."""
        row = self._row_of.pop(slot, None)
        if row is not None:
            self.lengths[row] = 0
            self._release(row, 0)

    def clear(self) -> None:
        """Give everything back, addresses too."""
        self._row_of.clear()
        self.buffers, self._maps, self.lengths, self._touched = [], [], [], []
        self.capacity = 0
        self.version += 1

    def _exchange(self, row: int, other: int) -> None:
        longest = max(self.lengths[row], self.lengths[other])
        super()._exchange(row, other)
        for place in (row, other):
            self._touched[place] = max(self._touched[place], self._rounded(longest))

    def _touch(self, row: int, length: int) -> None:
        """Count positions that were written; what rows have beyond their lengths goes when the limit is reached."""
        if length and self._rounded(length) > self._touched[row]:
            self._touched[row] = self._rounded(length)
            if self.nbytes > self.limit:
                for place, used in enumerate(self.lengths):
                    self._release(place, self._rounded(used) if used else 0)

    def _release(self, row: int, keep: int) -> None:
        """Give back the memory of a row from position `keep` on."""
        touched = self._touched[row]
        if touched <= keep:
            return
        for buffer, pages in zip(self.buffers, self._maps, strict=True):
            if keep:
                for head in range(self._heads):
                    _give_back(pages, _range(buffer, row, head, keep, touched))
            else:
                _give_back(pages, _range(buffer, row, 0, 0, self._heads * self._context))
        self._touched[row] = keep


def can_be_lazy() -> bool:
    """Whether the system gives memory page by page and takes it back. Windows counts all addresses as memory."""
    return sys.platform != "win32" and _RELEASE is not None


def _mapped(size: int) -> mmap.mmap:
    pages = mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    if _SMALL_PAGES is not None:
        try:
            pages.madvise(_SMALL_PAGES)
        except OSError:  # a kernel without large pages
            return pages
    return pages


def _range(buffer: NDArray[Any], row: int, head: int, begin: int, end: int) -> tuple[int, int]:
    """The bytes of positions `begin` to `end` of a head; positions beyond the last go on in the next head."""
    start = row * buffer.strides[0] + head * buffer.strides[1]
    return start + begin * buffer.strides[2], start + end * buffer.strides[2]


def _give_back(pages: mmap.mmap, span: tuple[int, int]) -> None:
    """Give back the whole pages between two bytes."""
    begin, end = -(-span[0] // mmap.PAGESIZE) * mmap.PAGESIZE, span[1] // mmap.PAGESIZE * mmap.PAGESIZE
    if end > begin:
        assert _RELEASE is not None
        pages.madvise(_RELEASE, begin, end - begin)
