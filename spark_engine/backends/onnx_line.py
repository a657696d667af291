"""One step of an ONNX decoder in one run: all tokens of all sequences in a line, those that decode and pieces of
prompts alike, so that the weights are read once. For models that `onnx_joined` changed."""

from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from spark_engine.backends.base import Logits, SlotInput
from spark_engine.backends.onnx_joined import COUNTS, WANTED
from spark_engine.backends.onnx_kv import Window
from spark_engine.backends.onnx_run import MASK_BLOCK, MAX_CHUNK, Ints, RunParts, float32
from spark_engine.backends.onnx_sides import Side

Entries = list[SlotInput]


class RunsInLine:
    """Computes entries of one side. Logits are valid until `begin`."""

    def __init__(self, parts: RunParts, context: int) -> None:
        self._parts = parts
        self._places = np.arange(context, dtype=np.int64)
        self._mask: Ints = np.zeros((0, 0), np.int64)
        self._logits: list[NDArray[Any]] = []
        self._runs = 0

    def begin(self) -> None:
        """A step begins: what the last one gave is not needed any more."""
        self._runs = 0

    def compute(self, side: Side, group: Entries, results: dict[int, Logits]) -> None:
        """As few runs as there can be, the shortest entries first."""
        rest = sorted(group, key=lambda entry: len(entry.tokens))
        while rest:
            now, rest = fitting(rest, MAX_CHUNK)
            self._run(side, sorted(now, key=lambda entry: side.cache.row(entry.slot)), results)

    def _run(self, side: Side, entries: Entries, results: dict[int, Logits]) -> None:
        """Entries in the order of their rows, in one run over all rows of the cache."""
        cache, config = side.cache, self._parts.config
        ends = {cache.row(entry.slot): entry.position + len(entry.tokens) for entry in entries}
        cache.reserve(max(*ends.values(), side.least))
        counts = np.zeros(cache.rows, np.int64)
        for entry in entries:
            counts[cache.row(entry.slot)] = len(entry.tokens)
        ids = np.concatenate([np.asarray(entry.tokens, np.int64) for entry in entries])[None]
        wanted = _wanted(entries)
        logits = self._logits_for(len(wanted))
        inputs: dict[str, NDArray[Any]] = {
            config.input_ids: ids,
            config.attention_mask: self._mask_for(side, ends),
            COUNTS: counts,
            WANTED: wanted,
            **self._parts.turning(is_long=side.least > 0),
        }
        side.bindings[Window(0, cache.rows)].run(inputs, {config.logits: logits})
        told = 0
        for entry in entries:
            cache.set_length(entry.slot, entry.position + len(entry.tokens))
            if entry.wants_logits:
                rows = logits[0, told : told + entry.last]
                results[entry.slot] = float32(rows[0] if entry.last == 1 else rows)
                told += entry.last

    def _mask_for(self, side: Side, ends: dict[int, int]) -> Ints:
        """The mask [rows, width]: ones up to where rows end, none in rows that get no token. The graph takes its rotary
        factors by the width."""
        longest = -(-max(ends.values()) // MASK_BLOCK) * MASK_BLOCK
        shape = (side.cache.rows, max(min(longest, side.context), side.least))
        if self._mask.shape != shape:
            self._mask = np.zeros(shape, np.int64)
        lengths = np.array([[ends.get(row, 0)] for row in range(shape[0])], np.int64)
        np.less(self._places[: shape[1]], lengths, out=self._mask)
        return self._mask

    def _logits_for(self, rows: int) -> NDArray[Any]:
        """Memory [1, rows, vocab] for the logits of one more run of this step."""
        shape = (1, rows, self._parts.config.vocab_size)
        if len(self._logits) == self._runs or self._logits[self._runs].shape != shape:
            self._logits[self._runs :] = [np.empty(shape, self._parts.logits_dtype)]
        self._runs += 1
        return self._logits[self._runs - 1]


def fitting(entries: Entries, most: int) -> tuple[Entries, Entries]:
    """What fits into a run of `most` tokens, and what is left: an entry may be cut, but not within the tokens whose
    logits are wanted, and none that wants more than fit is ever alone."""
    now: Entries = []
    for place, entry in enumerate(entries):
        count = len(entry.tokens)
        if count <= most:
            now.append(entry)
            most -= count
            continue
        cut = min(most, count - entry.last)
        if cut > 0:
            now.append(replace(entry, tokens=entry.tokens[:cut], wants_logits=False, last=1))
            entry = replace(entry, position=entry.position + cut, tokens=entry.tokens[cut:])
        return now or [entry], [entry, *entries[place + 1 :]] if now else entries[place + 1 :]
    return now, []


def _wanted(entries: Entries) -> Ints:
    """Which tokens of the line have logits: at least one, as none would mean all."""
    places, end = list[int](), 0
    for entry in entries:
        end += len(entry.tokens)
        if entry.wants_logits:
            places += range(end - entry.last, end)
    return np.array(places or [0], np.int64)
