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

from spark_engine.backends.base import Decoder, LoadStep, Logits, SlotInput
from spark_engine.backends.cores import physical_cores
from spark_engine.backends.folder_vocabulary import FolderVocabulary
from spark_engine.backends.onnx_config import OnnxConfig, read_config, usable_context
from spark_engine.backends.onnx_kv import KeyValueCache, Window
from spark_engine.backends.onnx_run import Bindings, Ints
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import Unavailable
from spark_engine.protocol.messages import LoadPlan

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
    device = "CPU"

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Read the files (so that progress is true), build the session, run one token."""
        if plan.device.lower() != "cpu":
            raise _no_device(plan.device)
        config = read_config(Path(plan.path))
        self.max_slots, self.max_context = plan.slots, usable_context(config, plan.context)
        self.vocab_size = config.vocab_size
        for fraction in _read_through(config.file.parent):
            yield LoadStep(0.5 * fraction, "reading the model")
        yield LoadStep(0.5, "preparing the model")
        self._open(config, _session(config.file, plan.threads or physical_cores()))
        yield LoadStep(0.95, "warming up")
        self.forward([SlotInput(0, 0, [0], True)])
        self.free(0)
        yield LoadStep(1.0, "ready")

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        """All single tokens in one run; then chunk by chunk. Chunks too large for one run are cut."""
        for entry in batch:
            self._check(entry)
        results: dict[int, Logits] = {}
        singles = [entry for entry in batch if len(entry.tokens) == 1]
        if singles:
            self._decode(singles, results)
        for entry in batch:
            if len(entry.tokens) > 1:
                self._prefill(entry, results)
        return [results[entry.slot] if entry.wants_logits else None for entry in batch]

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Copy the first `length` positions from one slot's row to another's."""
        self._cache.copy(slot_from, slot_to, length)

    def truncate(self, slot: int, length: int) -> None:
        """Positions from `length` on are written over by whatever comes next."""
        self._cache.set_length(slot, min(length, self._cache.length(slot)))

    def free(self, slot: int) -> None:
        """Give the slot's row back."""
        self._cache.free(slot)

    def kv_bytes(self) -> int:
        """Bytes of the cache's buffers."""
        return self._cache.nbytes

    def kv_bytes_for(self, lengths: Sequence[int]) -> int:
        """All rows are as long as the longest."""
        return self._cache.nbytes_for(lengths)

    def limit_kv(self, limit: int) -> None:
        """Bound the buffers."""
        self._cache.limit = limit

    def close(self) -> None:
        """Drop session and cache."""
        self._cache.clear()
        del self._bindings

    def _open(self, config: OnnxConfig, session: ort.InferenceSession) -> None:
        """Take what the session says about types and shapes."""
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
        self._cache = KeyValueCache(
            2 * config.layers, heads, size, dtype, slots=self.max_slots, context=self.max_context
        )
        self._bindings = Bindings(session, config, self._cache)
        self._places = np.arange(self.max_context, dtype=np.int64)
        self._step = DecodeArrays(0, 0, config.vocab_size, self._logits_dtype)
        self._chunk_logits = np.empty(0, self._logits_dtype)

    def _check(self, entry: SlotInput) -> None:
        held, end = self._cache.length(entry.slot), entry.position + len(entry.tokens)
        if entry.position != held or not held < end <= self.max_context:
            raise ValueError(
                f"slot {entry.slot} holds {held} positions; cannot fill {entry.position} to {end}"
            )

    def _decode(self, batch: list[SlotInput], results: dict[int, Logits]) -> None:
        """One token for each of several slots, in one run. Idle rows of the window compute something unused:
        their token goes to the position after their last, which their next token writes over."""
        cache = self._cache
        row_of = {entry.slot: cache.row(entry.slot) for entry in batch}
        cache.reserve(1 + max(entry.position for entry in batch))
        window = cache.window(row_of)
        longest = max(cache.lengths[row] for row in window.rows) + 1
        cache.reserve(longest)
        arrays = self._decode_arrays(window.count, longest)
        arrays.ids[:] = 0
        for entry in batch:
            arrays.ids[cache.row(entry.slot) - window.first, 0] = entry.tokens[0]
        lengths = np.array([[cache.lengths[row]] for row in window.rows], np.int64)
        np.less_equal(self._places[: arrays.mask.shape[1]], lengths, out=arrays.mask)
        self._run(window, arrays.ids, arrays.mask, lengths, arrays.logits)
        for entry in batch:
            results[entry.slot] = _float32(arrays.logits[cache.row(entry.slot) - window.first, 0])
            cache.set_length(entry.slot, entry.position + 1)

    def _prefill(self, entry: SlotInput, results: dict[int, Logits]) -> None:
        """Several tokens of one slot."""
        tokens = np.asarray(entry.tokens, np.int64)
        end = entry.position + len(tokens)
        window = Window(self._cache.row(entry.slot), 1)
        self._cache.reserve(end)
        for begin in range(0, len(tokens), self._chunk):
            ids = tokens[None, begin : begin + self._chunk]
            past = entry.position + begin
            logits = self._chunk_output(ids.shape[1])
            positions = self._places[None, past : past + ids.shape[1]]
            self._run(window, ids, np.ones((1, past + ids.shape[1]), np.int64), positions, logits)
            # A copy, as the next chunk uses the same memory.
            last = logits[0, -1] if entry.last == 1 else logits[0, -entry.last :]
            results[entry.slot] = last.astype(np.float32)
        self._cache.set_length(entry.slot, end)

    def _run(self, window: Window, ids: Ints, mask: Ints, positions: Ints, logits: NDArray[Any]) -> None:
        inputs: dict[str, NDArray[Any]] = {self._config.input_ids: ids, self._config.attention_mask: mask}
        if self._takes_positions:
            inputs[self._config.position_ids] = np.ascontiguousarray(positions)
        self._bindings[window].run(inputs, self._config.logits, logits)

    def _decode_arrays(self, rows: int, positions: int) -> "DecodeArrays":
        """Arrays for a decode run, the last ones when they fit."""
        width = min(self.max_context, -(-positions // MASK_BLOCK) * MASK_BLOCK)
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


def _session(file: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin between operators win little on free cores, and lose half the speed when others need them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _read_through(folder: Path) -> Iterator[float]:
    """Read every ONNX file once, yielding the fraction; afterwards the system holds them in memory."""
    files = [file for file in folder.iterdir() if file.is_file() and ".onnx" in file.name]
    total = sum(file.stat().st_size for file in files) or 1
    done = 0
    for file in files:
        with file.open("rb", buffering=0) as source:
            while data := source.read(READ_BYTES):
                done += len(data)
                yield done / total


def _largest_chunk(vocab_size: int) -> int:
    """Tokens whose logits, which the graph computes for every position, fit into the allowed memory."""
    return max(16, min(MAX_CHUNK, CHUNK_LOGITS_BYTES // (4 * vocab_size)))


def _float32(logits: NDArray[Any]) -> Logits:
    return logits.astype(np.float32, copy=False)


def _no_device(device: str) -> Unavailable:
    return Unavailable(
        "device_unavailable",
        "This device cannot be used",
        f"ONNX models run on the CPU in this version of Spark, not on {device}.",
        "Choose the CPU.",
    )


def create_decoder() -> Decoder:
    """A new ONNX decoder."""
    return OnnxDecoder()


def read_vocabulary(plan: LoadPlan) -> Vocabulary:
    """The vocabulary in the model's folder."""
    return FolderVocabulary(Path(plan.path))
