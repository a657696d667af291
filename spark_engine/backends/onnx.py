"""The ONNX backend: drives onnxruntime itself, with its own key/value cache and rows that join and leave.

One step is one run over all rows that decode, and one run per prefill chunk: the exported attention takes many
rows of one token with different lengths, or one row of many tokens, but not both at once.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from spark_engine.backends.base import INTEGER_ROUNDING, NO_ROUNDING, Decoder, LoadStep, Logits, SlotInput
from spark_engine.backends.cores import threads_for
from spark_engine.backends.cutting import cuts
from spark_engine.backends.devices import require_cpu
from spark_engine.backends.folder_vocabulary import FolderVocabulary
from spark_engine.backends.onnx_config import OnnxConfig, context_and_switch, read_config
from spark_engine.backends.onnx_hidden import open_decoder
from spark_engine.backends.onnx_kv import KeyValueCache, Window
from spark_engine.backends.onnx_kv_lazy import LazyCache, can_be_lazy
from spark_engine.backends.onnx_reading import OnnxReading, ReadingParts
from spark_engine.backends.onnx_run import Bindings, Ints
from spark_engine.backends.onnx_sides import Side, Sides
from spark_engine.backends.pooling_files import read_pooling
from spark_engine.backends.rope_switch import by_side, forward_across
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import CannotEmbed
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import Pooling

MASK_BLOCK = 64
MAX_CHUNK = 512
MAX_LOGITS = 16
CHUNK_LOGITS_BYTES = 64 * 1024 * 1024
READ_BYTES = 16 * 1024 * 1024
_DTYPES: dict[str, type[np.generic]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxDecoder:
    """A decoder exported by the onnxruntime-genai model builder, on the CPU."""

    vocab_size = 0
    max_slots = 0
    max_context = 0
    max_logits = 1
    rounding = INTEGER_ROUNDING
    original_context: int | None = None
    device = "CPU"
    pooling: Pooling | None = None

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Read the files (so that progress is true), build the session, run one token."""
        require_cpu(plan.device, "ONNX")
        config = read_config(Path(plan.path))
        self.pooling = read_pooling(config.file.parent)
        self.max_slots = plan.slots
        self.max_context, self.original_context = context_and_switch(config, plan.context)
        self.vocab_size = config.vocab_size
        for fraction in _read_through(config.file.parent):
            yield LoadStep(0.5 * fraction, "reading the model")
        yield LoadStep(0.5, "preparing the model")
        threads = plan.threads or threads_for(_size(config.file.parent))
        opened = open_decoder(config, threads, kernels=plan.kernels)
        self.rounding = NO_ROUNDING if opened.is_exact else INTEGER_ROUNDING
        self._open(config, opened.session, opened.hidden)
        yield LoadStep(0.95, "warming up")
        self.forward([SlotInput(0, 0, [0], True)])
        self.free(0)
        yield LoadStep(1.0, "ready")

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        """All single tokens in one run; then chunk by chunk. Chunks too large for one run are cut."""
        for entry in batch:
            entry.check_place(self._sides[entry.slot].cache.length(entry.slot), self.max_context)
        return forward_across(self._sides.switch, batch, self._forward)

    def read(self, length: int) -> OnnxReading:
        """Begin to read a text, in a cache of its own."""
        if self._reading is None:
            raise CannotEmbed("its ONNX file does not tell where its hidden states are")
        return OnnxReading(self._reading, length)

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Copy the first `length` positions from one slot's row to another's."""
        self._sides.copy(slot_from, slot_to, length)

    def truncate(self, slot: int, length: int) -> None:
        """Positions from `length` on are written over by whatever comes next."""
        self._sides.truncate(slot, length)

    def free(self, slot: int) -> None:
        """Give the slot's row back."""
        self._sides.free(slot)

    def kv_bytes(self) -> int:
        """Bytes of the cache's buffers."""
        return self._sides.nbytes

    def kv_bytes_for(self, lengths: Sequence[int]) -> int:
        """All rows are as long as the longest."""
        return self._sides.nbytes_for(lengths)

    def limit_kv(self, limit: int) -> None:
        """Bound the buffers."""
        self._sides.limit(limit)

    def close(self) -> None:
        """Drop session and cache."""
        self._sides.clear()
        del self._sides

    def _open(self, config: OnnxConfig, session: ort.InferenceSession, hidden: str) -> None:
        """Take what the session says about types and shapes. `hidden`: its output of hidden states, or empty."""
        inputs = {value.name: value for value in session.get_inputs()}
        logits = next(value for value in session.get_outputs() if value.name == config.logits)
        dtype = _DTYPES[inputs[config.past_key % 0].type]
        self._config = config
        self._takes_positions = config.position_ids in inputs
        self._last_only = logits.shape[1] == 1
        self.max_logits = 1 if self._last_only else MAX_LOGITS
        self._logits_dtype = _DTYPES[logits.type]
        self._chunk = MAX_CHUNK if self._last_only else _largest_chunk(config.vocab_size)
        heads, size = config.kv_heads, config.head_size

        def make_cache(context: int) -> KeyValueCache:
            kind = LazyCache if can_be_lazy() else KeyValueCache
            return kind(2 * config.layers, heads, size, dtype, slots=self.max_slots, context=context)

        def bind(cache: KeyValueCache) -> Bindings:
            return Bindings(session, config, cache)

        self._sides = Sides(make_cache, bind, self.max_context, self.original_context)
        self._places = np.arange(self.max_context, dtype=np.int64)
        self._step = DecodeArrays(0, 0, config.vocab_size, self._logits_dtype)
        self._chunk_logits = np.empty(0, self._logits_dtype)
        self._reading = self._reading_parts(session, hidden) if hidden else None

    def _reading_parts(self, session: ort.InferenceSession, hidden: str) -> ReadingParts:
        values = {value.name: value for value in (*session.get_inputs(), *session.get_outputs())}
        dtypes = {name: _DTYPES[value.type] for name, value in values.items() if value.type in _DTYPES}
        size = values[hidden].shape[2]
        return ReadingParts(
            session, self._config, hidden, size, dtypes, self._last_only, self._takes_positions, self._chunk
        )

    def _forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        results: dict[int, Logits] = {}
        work = [self._sides.enter(entry) for entry in batch]
        try:
            for group in by_side(self._sides.switch, work):
                self._compute(group, results)
        except BaseException:
            for entry in work:  # some tokens may have been taken in before it failed
                self._sides.undo(entry)
            raise
        return [results[entry.slot] if entry.wants_logits else None for entry in batch]

    def _compute(self, group: list[SlotInput], results: dict[int, Logits]) -> None:
        """Entries of one side."""
        side = self._sides[group[0].slot]
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
            results[entry.slot] = _float32(arrays.logits[cache.row(entry.slot) - window.first, 0])
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
        inputs: dict[str, NDArray[Any]] = {self._config.input_ids: ids, self._config.attention_mask: mask}
        if self._takes_positions:
            inputs[self._config.position_ids] = np.ascontiguousarray(positions)
        side.bindings[window].run(inputs, {self._config.logits: logits})

    def _decode_arrays(self, rows: int, positions: int, context: int) -> "DecodeArrays":
        """Arrays for a decode run, the last ones when they fit."""
        width = min(context, -(-positions // MASK_BLOCK) * MASK_BLOCK)
        if self._step.mask.shape != (rows, width):
            self._step = DecodeArrays(rows, width, self.vocab_size, self._logits_dtype)
        return self._step

    def _chunk_output(self, length: int) -> NDArray[Any]:
        shape = (1, 1 if self._last_only else length, self.vocab_size)
        if self._chunk_logits.shape != shape:
            self._chunk_logits = np.empty(shape, self._logits_dtype)
        return self._chunk_logits


class DecodeArrays:
    """A decode run's `ids` [rows, 1] and `mask` [rows, width] going in, its `logits` [rows, 1, vocab] coming out."""

    def __init__(self, rows: int, width: int, vocab_size: int, dtype: type[np.generic]) -> None:
        self.ids: Ints = np.zeros((rows, 1), np.int64)
        self.mask: Ints = np.zeros((rows, width), np.int64)
        self.logits: NDArray[Any] = np.empty((rows, 1, vocab_size), dtype)


def _mask(length: int, least: int) -> Ints:
    """The mask [1, width] of a row with `length` positions: the graph takes its rotary factors by the width."""
    mask = np.zeros((1, max(length, least)), np.int64)
    mask[:, :length] = 1
    return mask


def _read_through(folder: Path) -> Iterator[float]:
    """Read every ONNX file once, yielding the fraction; afterwards the system holds them in memory."""
    total, done = _size(folder) or 1, 0
    for file in _files(folder):
        with file.open("rb", buffering=0) as source:
            while data := source.read(READ_BYTES):
                done += len(data)
                yield done / total


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file() and ".onnx" in file.name]


def _size(folder: Path) -> int:
    """Bytes of all ONNX files."""
    return sum(file.stat().st_size for file in _files(folder))


def _largest_chunk(vocab_size: int) -> int:
    """Tokens whose logits, which the graph computes for every position, fit into the allowed memory."""
    return max(16, min(MAX_CHUNK, CHUNK_LOGITS_BYTES // (4 * vocab_size)))


def _float32(logits: NDArray[Any]) -> Logits:
    return logits.astype(np.float32, copy=False)


def create_decoder() -> Decoder:
    """A new ONNX decoder."""
    return OnnxDecoder()


def read_vocabulary(plan: LoadPlan) -> Vocabulary:
    """The vocabulary in the model's folder."""
    return FolderVocabulary(Path(plan.path))
