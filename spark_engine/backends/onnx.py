"""The ONNX backend: drives onnxruntime itself, with its own key/value cache and rows that join and leave.

With Spark's own kernels a step is one run (`onnx_line.py`), else several (`onnx_apart.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from spark_engine.backends.base import INTEGER_ROUNDING, NO_ROUNDING, Decoder, LoadStep, Logits, SlotInput
from spark_engine.backends.cores import threads_for
from spark_engine.backends.devices import require_cpu
from spark_engine.backends.folder_vocabulary import FolderVocabulary
from spark_engine.backends.onnx_apart import RunsApart
from spark_engine.backends.onnx_config import context_and_switch
from spark_engine.backends.onnx_kv import KeyValueCache
from spark_engine.backends.onnx_kv_lazy import LazyCache, can_be_lazy
from spark_engine.backends.onnx_line import RunsInLine
from spark_engine.backends.onnx_reading import OnnxReading, ReadingParts
from spark_engine.backends.onnx_run import Bindings, RunParts
from spark_engine.backends.onnx_sides import Sides
from spark_engine.backends.onnx_source import OnnxFolder, Source
from spark_engine.backends.rope_switch import by_side, forward_across
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import CannotEmbed
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import Pooling

MAX_LOGITS = 16
READ_BYTES = 16 * 1024 * 1024
_DTYPES: dict[str, type[np.generic]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxDecoder:
    """A decoder exported by the onnxruntime-genai model builder, or another one made to look like it, on the CPU."""

    vocab_size = 0
    max_slots = 0
    max_context = 0
    max_logits = 1
    rounding = INTEGER_ROUNDING
    original_context: int | None = None
    joins = False
    device = "CPU"
    pooling: Pooling | None = None

    def __init__(self, source: Callable[[LoadPlan], Source], model_format: str = "ONNX") -> None:
        self._source_of, self._format = source, model_format

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Read the files (so that progress is true), build the session, run one token."""
        require_cpu(plan.device, self._format)
        source = self._source_of(plan)
        config, self.pooling = source.config, source.pooling
        self.max_slots = plan.slots
        self.max_context, self.original_context = context_and_switch(config, plan.context)
        self.vocab_size = config.vocab_size
        for fraction in _read_through(source.files):
            yield LoadStep(0.5 * fraction, "reading the model")
        yield LoadStep(0.5, "preparing the model")
        opened = source.open(plan.threads or threads_for(_size(source.files)), kernels=plan.kernels)
        self.rounding = NO_ROUNDING if opened.is_exact else INTEGER_ROUNDING
        self.joins = opened.joins
        self._open(source, opened.session, opened.hidden)
        yield LoadStep(0.95, "warming up")
        self.forward([SlotInput(0, 0, [0], True)])
        self.free(0)
        yield LoadStep(1.0, "ready")

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        """All tokens in one run, or all single ones in one and then chunk by chunk."""
        self._runs.begin()
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

    def _open(self, source: Source, session: ort.InferenceSession, hidden: str) -> None:
        """Take what the session says about types and shapes. `hidden`: its output of hidden states, or empty."""
        config = source.config
        inputs = {value.name: value for value in session.get_inputs()}
        logits = next(value for value in session.get_outputs() if value.name == config.logits)
        dtype = _DTYPES[inputs[config.past_key % 0].type]
        last_only = logits.shape[1] == 1
        angles = source.angles(self.max_context)
        parts = RunParts(config, _DTYPES[logits.type], last_only, config.position_ids in inputs, angles)
        self.max_logits = 1 if last_only else MAX_LOGITS
        heads, size = config.kv_heads, config.head_size

        def make_cache(context: int) -> KeyValueCache:
            kind = LazyCache if can_be_lazy() else KeyValueCache
            return kind(2 * config.layers, heads, size, dtype, slots=self.max_slots, context=context)

        def bind(cache: KeyValueCache) -> Bindings:
            return Bindings(session, config, cache)

        self._sides = Sides(make_cache, bind, self.max_context, self.original_context)
        self._runs = (RunsInLine if self.joins else RunsApart)(parts, self.max_context)
        self._reading = self._reading_parts(session, hidden, parts) if hidden else None

    def _reading_parts(self, session: ort.InferenceSession, hidden: str, parts: RunParts) -> ReadingParts:
        values = {value.name: value for value in (*session.get_inputs(), *session.get_outputs())}
        dtypes = {name: _DTYPES[value.type] for name, value in values.items() if value.type in _DTYPES}
        return ReadingParts(session, parts, hidden, values[hidden].shape[2], dtypes, self.joins)

    def _forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        results: dict[int, Logits] = {}
        work = [self._sides.enter(entry) for entry in batch]
        try:
            for group in by_side(self._sides.switch, work):
                self._runs.compute(self._sides[group[0].slot], group, results)
        except BaseException:
            for entry in work:  # some tokens may have been taken in before it failed
                self._sides.undo(entry)
            raise
        return [results[entry.slot] if entry.wants_logits else None for entry in batch]


def _read_through(files: Sequence[Path]) -> Iterator[float]:
    """Read every file once, yielding the fraction; afterwards the system holds them in memory."""
    total, done = _size(files) or 1, 0
    for file in files:
        with file.open("rb", buffering=0) as source:
            while data := source.read(READ_BYTES):
                done += len(data)
                yield done / total


def _size(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def create_decoder(plan: LoadPlan) -> Decoder:
    """A new ONNX decoder."""
    return OnnxDecoder(lambda plan: OnnxFolder(Path(plan.path)))


def read_vocabulary(plan: LoadPlan) -> Vocabulary:
    """The vocabulary in the model's folder."""
    return FolderVocabulary(Path(plan.path))
