"""One step of an ONNX decoder in several runs: all rows that decode in one, and one for each piece of a prompt.

The exported attention takes many rows of one token with different lengths, or one row of many tokens, but not both at
once.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.base import Logits, SlotInput
from spark_engine.backends.cutting import cuts
from spark_engine.backends.onnx_kv import Window
from spark_engine.backends.onnx_run import MASK_BLOCK, MAX_CHUNK, Ints, RunParts, float32
from spark_engine.backends.onnx_sides import Side

CHUNK_LOGITS_BYTES = 64 * 1024 * 1024


class RunsApart:
    """Computes entries of one side. Logits are valid until the next call."""

    def __init__(self, parts: RunParts, context: int) -> None:
        self._parts = parts
        self._chunk = MAX_CHUNK if parts.last_only else largest_chunk(parts.config.vocab_size)
        self._places = np.arange(context, dtype=np.int64)
        self._step = DecodeArrays(0, 0, parts)
        self._chunk_logits = np.empty(0, parts.logits_dtype)

    def begin(self) -> None:
        """A step begins."""

    def compute(self, side: Side, group: list[SlotInput], results: dict[int, Logits]) -> None:
        """All single tokens in one run; then chunk by chunk. Chunks too large for one run are cut."""
        singles = [entry for entry in group if len(entry.tokens) == 1]
        if singles:
            self._decode(side, singles, results)
        for entry in group:
            if len(entry.tokens) > 1:
                self._prefill(side, entry, results)

    def _decode(self, side: Side, batch: list[SlotInput], results: dict[int, Logits]) -> None:
        """One token for each of several slots, in one run. Idle rows of the window compute something unused:
        their token goes to the position after their last, which their next token writes over."""
        cache = side.cache
        row_of = {entry.slot: cache.row(entry.slot) for entry in batch}
        cache.reserve(1 + max(entry.position for entry in batch))
        window = cache.window(row_of)
        longest = max(cache.lengths[row] for row in window.rows) + 1
        cache.reserve(longest)
        arrays = self._decode_arrays(window.count, longest, side.context)
        arrays.ids[:] = 0
        for entry in batch:
            arrays.ids[cache.row(entry.slot) - window.first, 0] = entry.tokens[0]
        lengths = np.array([[cache.lengths[row]] for row in window.rows], np.int64)
        np.less_equal(self._places[: arrays.mask.shape[1]], lengths, out=arrays.mask)
        self._run(side, window, arrays.ids, arrays.mask, lengths, arrays.logits)
        for entry in batch:
            results[entry.slot] = float32(arrays.logits[cache.row(entry.slot) - window.first, 0])
            cache.set_length(entry.slot, entry.position + 1)

    def _prefill(self, side: Side, entry: SlotInput, results: dict[int, Logits]) -> None:
        """Several tokens of one slot."""
        tokens = np.asarray(entry.tokens, np.int64)
        end = entry.position + len(tokens)
        window = Window(side.cache.row(entry.slot), 1)
        side.cache.reserve(max(end, side.least))
        for cut in cuts(len(tokens), self._chunk):
            ids, past = tokens[None, cut], entry.position + cut.start
            logits = self._chunk_output(ids.shape[1])
            positions = self._places[None, past : past + ids.shape[1]]
            self._run(side, window, ids, _mask(past + ids.shape[1], side.least), positions, logits)
            # A copy, as the next chunk uses the same memory.
            last = logits[0, -1] if entry.last == 1 else logits[0, -entry.last :]
            results[entry.slot] = last.astype(np.float32)
        side.cache.set_length(entry.slot, end)

    def _run(
        self, side: Side, window: Window, ids: Ints, mask: Ints, positions: Ints, logits: NDArray[Any]
    ) -> None:
        config = self._parts.config
        inputs: dict[str, NDArray[Any]] = {config.input_ids: ids, config.attention_mask: mask}
        if self._parts.takes_positions:
            inputs[config.position_ids] = np.ascontiguousarray(positions)
        side.bindings[window].run(inputs, {config.logits: logits})

    def _decode_arrays(self, rows: int, positions: int, context: int) -> "DecodeArrays":
        """Arrays for a decode run, the last ones when they fit."""
        width = min(context, -(-positions // MASK_BLOCK) * MASK_BLOCK)
        if self._step.mask.shape != (rows, width):
            self._step = DecodeArrays(rows, width, self._parts)
        return self._step

    def _chunk_output(self, length: int) -> NDArray[Any]:
        shape = (1, 1 if self._parts.last_only else length, self._parts.config.vocab_size)
        if self._chunk_logits.shape != shape:
            self._chunk_logits = np.empty(shape, self._parts.logits_dtype)
        return self._chunk_logits


class DecodeArrays:
    """A decode run's `ids` [rows, 1] and `mask` [rows, width] going in, its `logits` [rows, 1, vocab] coming out."""

    def __init__(self, rows: int, width: int, parts: RunParts) -> None:
        self.ids: Ints = np.zeros((rows, 1), np.int64)
        self.mask: Ints = np.zeros((rows, width), np.int64)
        self.logits: NDArray[Any] = np.empty((rows, 1, parts.config.vocab_size), parts.logits_dtype)


def _mask(length: int, least: int) -> Ints:
    """The mask [1, width] of a row with `length` positions: the graph takes its rotary factors by the width."""
    mask = np.zeros((1, max(length, least)), np.int64)
    mask[:, :length] = 1
    return mask


def largest_chunk(vocab_size: int) -> int:
    """Tokens whose logits, which the graph computes for every position, fit into the allowed memory."""
    return max(16, min(MAX_CHUNK, CHUNK_LOGITS_BYTES // (4 * vocab_size)))
