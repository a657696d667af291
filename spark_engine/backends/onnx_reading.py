"""Reads one text with an ONNX decoder for its hidden states, in a key/value cache of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from msgspec import Struct
from numpy.typing import NDArray

from spark_engine.backends.base import Hidden
from spark_engine.backends.cutting import cuts
from spark_engine.backends.onnx_apart import largest_chunk
from spark_engine.backends.onnx_joined import WANTED
from spark_engine.backends.onnx_kv import KeyValueCache, Window
from spark_engine.backends.onnx_run import MAX_CHUNK, BoundWindow, RunParts

_ONLY_ROW = Window(0, 1)


class ReadingParts(Struct, frozen=True):
    """What all readings of a decoder share. `hidden` is the name of the output with the final hidden states [1, tokens,
    hidden_size]; `joins`: logits of any one token are enough, else they are computed along with them."""

    session: ort.InferenceSession
    run: RunParts
    hidden: str
    hidden_size: int
    dtypes: dict[str, type[np.generic]]
    joins: bool

    @property
    def chunk(self) -> int:
        """The most tokens of one run."""
        is_small = self.joins or self.run.last_only
        return MAX_CHUNK if is_small else largest_chunk(self.run.config.vocab_size)


class OnnxReading:
    """A text of `length` tokens, read run by run."""

    def __init__(self, parts: ReadingParts, length: int) -> None:
        config = parts.run.config
        self._parts, self._length, self._done = parts, length, 0
        tensors, dtype = 2 * config.layers, parts.dtypes[config.past_key % 0]
        self._cache = KeyValueCache(
            tensors, config.kv_heads, config.head_size, dtype, slots=1, context=length
        )
        self._cache.row(0)
        self._cache.reserve(length)
        self._window: BoundWindow | None = BoundWindow(parts.session, config, self._cache, _ONLY_ROW)

    def add(self, tokens: Sequence[int]) -> Hidden:
        """Read on, in as many runs as the logits' memory asks for."""
        ids = np.asarray(tokens, np.int64)[None]
        return np.concatenate([self._run(ids[:, cut]) for cut in cuts(len(tokens), self._parts.chunk)])

    def close(self) -> None:
        """Drop the cache."""
        self._window = None
        self._cache.clear()

    def _run(self, ids: NDArray[np.int64]) -> Hidden:
        assert self._window is not None, "the reading is closed"
        parts, config, count = self._parts, self._parts.run.config, ids.shape[1]
        end = self._done + count
        inputs: dict[str, NDArray[Any]] = {
            config.input_ids: np.ascontiguousarray(ids),
            config.attention_mask: self._mask(end),
        }
        inputs |= parts.run.turning(is_long=self._length > config.exact_context)
        if parts.run.takes_positions:
            inputs[config.position_ids] = np.arange(self._done, end, dtype=np.int64)[None]
        hidden = np.empty((1, count, parts.hidden_size), parts.dtypes[parts.hidden])
        if parts.joins:
            inputs[WANTED] = np.zeros(1, np.int64)
        rows = 1 if parts.joins or parts.run.last_only else count
        logits = np.empty((1, rows, config.vocab_size), parts.run.logits_dtype)
        self._window.run(inputs, {parts.hidden: hidden, config.logits: logits})
        self._done = end
        told: Hidden = hidden[0].astype(np.float32)
        return told

    def _mask(self, end: int) -> NDArray[np.int64]:
        """Ones for what is read so far. The graph chooses its rotary factors by the mask's width, so that of a long
        text is wide from the first run on."""
        exact = self._parts.run.config.exact_context
        width = max(end, exact + 1) if self._length > exact else end
        mask = np.zeros((1, width), np.int64)
        mask[0, :end] = 1
        return mask
