"""The GGUF backend: drives llama.cpp's low-level interface: a run for all rows that decode, and one a prefill chunk."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from spark_engine.backends.base import FLOAT_ROUNDING, INTEGER_ROUNDING, Decoder, LoadStep, Logits, SlotInput
from spark_engine.backends.cores import physical_cores
from spark_engine.backends.cutting import cuts
from spark_engine.backends.devices import require_cpu
from spark_engine.backends.gguf_batch import Batch
from spark_engine.backends.gguf_library import llama, native_log
from spark_engine.backends.gguf_model import GgufModel, load_weights
from spark_engine.backends.gguf_own import own_source
from spark_engine.backends.gguf_reading import GgufReading
from spark_engine.backends.gguf_sides import Sides, context_and_switch
from spark_engine.backends.gguf_streams import BATCH, MICRO_BATCH, MOST_LOGITS, ContextSettings
from spark_engine.backends.gguf_vocabulary import GgufVocabulary
from spark_engine.backends.onnx import OnnxDecoder
from spark_engine.backends.rope_switch import by_side, forward_across
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import SparkError
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import Pooling


class GgufDecoder:
    """A GGUF model on the CPU."""

    vocab_size = 0
    max_slots = 0
    max_context = 0
    max_logits = MOST_LOGITS
    rounding = INTEGER_ROUNDING
    joins = False
    original_context: int | None = None
    device = "CPU"
    pooling: Pooling | None = None

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Load the weights, make a small cache, run two tokens."""
        require_cpu(plan.device, "GGUF")
        self._model = yield from _loaded(Path(plan.path))
        self.vocab_size, self.pooling = self._model.vocab_size, self._model.pooling
        self.rounding = FLOAT_ROUNDING if self._model.is_float32 else INTEGER_ROUNDING
        self.max_slots = min(plan.slots, int(llama.llama_max_parallel_sequences()))
        self.max_context, self.original_context = context_and_switch(self._model, plan.context)
        yield LoadStep(0.95, "warming up")
        self._batch = Batch(BATCH)
        settings = ContextSettings(
            self.max_slots,
            self.max_context,
            plan.threads or physical_cores(),
            is_float32=self._model.is_float32,
        )
        self._sides = Sides(self._model, settings, self.original_context)
        self.forward([SlotInput(0, 0, [0, 0], True)])
        self._sides.measure(0)
        self.free(0)
        yield LoadStep(1.0, "ready")

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        """All single tokens in one run; then piece by piece."""
        for entry in batch:
            entry.check_place(self._sides[entry.slot].length(entry.slot), self.max_context)
        return forward_across(self._sides.switch, batch, self._forward)

    def read(self, length: int) -> GgufReading:
        """Begin to read a text, in a context of its own."""
        with _enough_memory():
            return GgufReading(self._model, self._sides.settings_for(length), length)

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Copy the first `length` positions from one slot's stream to another's."""
        with _enough_memory():
            self._sides.copy(slot_from, slot_to, length)

    def truncate(self, slot: int, length: int) -> None:
        """Forget a slot's positions from `length` on."""
        self._sides.truncate(slot, length)

    def free(self, slot: int) -> None:
        """Give the slot's stream back."""
        self._sides.free(slot)

    def kv_bytes(self) -> int:
        """Bytes of the cache's buffers."""
        return self._sides.nbytes

    def kv_bytes_for(self, lengths: Sequence[int]) -> int:
        """All streams are as long as the longest."""
        return self._sides.nbytes_for(lengths)

    def limit_kv(self, limit: int) -> None:
        """Bound the streams."""
        self._sides.limit(limit)

    def close(self) -> None:
        """Free context and model."""
        self._sides.close()
        self._model.close()

    def _forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        results: dict[int, Logits] = {}
        work: list[SlotInput] = []
        try:
            with _enough_memory():
                work.extend(self._sides.enter(entry) for entry in batch)
            for group in by_side(self._sides.switch, work):
                self._step(group, results)
        except BaseException:
            for entry in work:  # some tokens may have been taken in before it failed
                self._sides.undo(entry)
            raise
        return [results[entry.slot] if entry.wants_logits else None for entry in batch]

    def _step(self, group: list[SlotInput], results: dict[int, Logits]) -> None:
        """Compute entries of one side."""
        with _enough_memory():
            self._sides.reserve(group)
        self._streams = self._sides[group[0].slot]
        self._compute(group, results)
        for entry in group:
            self._streams.set_length(entry.slot, entry.position + len(entry.tokens))

    def _compute(self, group: list[SlotInput], results: dict[int, Logits]) -> None:
        """All single tokens in one run; then piece by piece. In a run of several lengths llama.cpp would compute the
        first token of each beside the others' and only then the rest, which is slower."""
        places: dict[int, range] = {}
        singles = [entry for entry in group if len(entry.tokens) == 1]
        # llama.cpp joins only neighbours.
        for entry in sorted(singles, key=lambda entry: self._streams.stream(entry.slot)):
            self._add(entry, slice(0, 1), places)
        self._run(places, results)
        for entry in group:
            if len(entry.tokens) > 1:
                for cut in cuts(len(entry.tokens), MICRO_BATCH):
                    self._add(entry, cut, places)
                    self._run(places, results)

    def _add(self, entry: SlotInput, cut: slice, places: dict[int, range]) -> None:
        """Put a part of an entry into the batch."""
        self._batch.add(list(entry.tokens[cut]), entry.position + cut.start, self._streams.stream(entry.slot))
        if entry.wants_logits and cut.stop == len(entry.tokens):
            places[entry.slot] = self._batch.want_last(entry.last)

    def _run(self, places: dict[int, range], results: dict[int, Logits]) -> None:
        """Compute what is in the batch, take the logits that were wanted, empty the batch."""
        if not self._batch.count:
            return
        native_log.forget()
        context = self._streams.context
        if status := llama.llama_decode(context, self._batch.native()):
            raise RuntimeError(f"llama.cpp could not compute (status {status}) {native_log.errors()[:300]}")
        for slot, taken in places.items():
            rows = [self._logits(context, place) for place in taken]
            results[slot] = rows[0] if len(rows) == 1 else np.stack(rows)
        places.clear()
        self._batch.clear()

    def _logits(self, context: int, place: int) -> Logits:
        logits = llama.llama_get_logits_ith(context, place)
        return np.ctypeslib.as_array(logits, (self.vocab_size,)).astype(np.float32)


def _loaded(file: Path) -> Generator[LoadStep, None, GgufModel]:
    """Load the weights; nine tenths of the progress."""
    loading = load_weights(file)
    while True:
        try:
            yield LoadStep(0.9 * next(loading), "reading the model")
        except StopIteration as end:
            model: GgufModel = end.value
            return model


@contextmanager
def _enough_memory() -> Iterator[None]:
    """Say in people's words that the cache could not grow."""
    try:
        yield
    except MemoryError as error:
        raise SparkError(
            "out_of_memory",
            "Not enough memory",
            "The conversation grew, and there is not enough free memory for it.",
            "Close other programs, shorten the conversation, or load the model with a smaller context.",
        ) from error


def create_decoder(plan: LoadPlan) -> Decoder:
    """A new GGUF decoder: Spark's own kernels where they know all of the file, else llama.cpp."""
    file = Path(plan.path)
    source = own_source(file) if plan.kernels else None
    return GgufDecoder() if source is None else OnnxDecoder(lambda plan: source, "GGUF")


def read_vocabulary(plan: LoadPlan) -> Vocabulary:
    """The vocabulary in the model's file."""
    return GgufVocabulary(Path(plan.path))
