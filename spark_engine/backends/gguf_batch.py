"""The tokens of one llama.cpp run, written into memory that llama.cpp reads in place."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.gguf_library import llama


class Batch:
    """Room for `size` tokens, each with its position, its stream and whether logits are wanted after it."""

    def __init__(self, size: int) -> None:
        self.size, self.count = size, 0
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._streams = np.zeros(size, np.int32)
        self._one_each = np.ones(size, np.int32)
        self._wanted = np.zeros(size, np.int8)
        # A list of streams per token, each of one entry: entry i lies four bytes after entry i - 1.
        self._lists = self._streams.ctypes.data + 4 * np.arange(size, dtype=np.uintp)

    @property
    def room(self) -> int:
        """How many tokens more fit in."""
        return self.size - self.count

    def add(self, tokens: list[int], position: int, stream: int) -> None:
        """Append tokens of one stream; no logits are wanted."""
        here = slice(self.count, self.count + len(tokens))
        self._tokens[here] = tokens
        self._positions[here] = np.arange(position, position + len(tokens))
        self._streams[here] = stream
        self._wanted[here] = 0
        self.count = here.stop

    def want_last(self, count: int) -> range:
        """Ask for logits after the `count` tokens added last; their places, by which llama.cpp gives them."""
        self._wanted[self.count - count : self.count] = 1
        return range(self.count - count, self.count)

    def clear(self) -> None:
        """Forget all tokens."""
        self.count = 0

    def native(self) -> Any:
        """The batch as llama.cpp's structure, valid as long as this object."""
        batch = llama.llama_batch()
        batch.n_tokens = self.count
        batch.token = _pointer(self._tokens, ctypes.c_int32)
        batch.pos = _pointer(self._positions, ctypes.c_int32)
        batch.n_seq_id = _pointer(self._one_each, ctypes.c_int32)
        batch.seq_id = _pointer(self._lists, ctypes.POINTER(ctypes.c_int32))
        batch.logits = _pointer(self._wanted, ctypes.c_int8)
        return batch


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
