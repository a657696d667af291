"""The onnxruntime-genai backend: a Generator per slot, for execution providers that Spark does not drive itself.

On the CPU it is a second opinion: the same model file, computed by another loop than `onnx`.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime_genai as og

from spark_engine.backends.base import INTEGER_ROUNDING, Decoder, LoadStep, Logits, Reading, SlotInput
from spark_engine.backends.cores import physical_cores
from spark_engine.backends.cutting import cuts
from spark_engine.backends.folder_vocabulary import FolderVocabulary
from spark_engine.backends.genai_config import open_model, parse_device, read_model
from spark_engine.backends.onnx_config import OnnxConfig
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import CannotEmbed
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import Pooling

CHUNK_BYTES = 64 * 1024 * 1024
MOST_TOKENS = 512
TRIAL_ROOM = 16
BLOCK = 64
BFLOAT16_BYTES = 2


class GenaiDecoder:
    """A model of the onnxruntime-genai model builder. Slots run one after the other: a Generator has one sequence.

    A Generator takes the memory of its whole length when it is made, so every slot in use costs that.
    """

    vocab_size = 0
    max_slots = 0
    max_context = 0
    max_logits = 1
    rounding = INTEGER_ROUNDING
    joins = False
    original_context: int | None = None
    device = ""
    pooling: Pooling | None = None

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Check the settings, open the model, run two tokens."""
        device, folder = parse_device(plan.device), Path(plan.path)
        config = read_model(folder, plan.context)
        self.device = f"{device.name} (onnxruntime-genai)"
        self.vocab_size, self.max_slots = config.vocab_size, plan.slots
        self.max_context = min(plan.context, config.longest_context)
        yield LoadStep(0.1, "reading the model")
        self._model = open_model(folder, device, self.max_context, plan.threads or physical_cores())
        self._slots: dict[int, _Slot] = {}
        self._limit, self._cell_bytes = sys.maxsize, 0
        self._chunk = max(16, min(MOST_TOKENS, CHUNK_BYTES // (4 * self.vocab_size)))
        yield LoadStep(0.95, "warming up")
        self.forward([SlotInput(0, 0, [0, 0][: self.max_context], True)])
        self._cell_bytes = 2 * config.layers * self._slots[0].cell_bytes(config)
        self.free(0)
        yield LoadStep(1.0, "ready")

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        """One entry after the other."""
        for entry in batch:
            entry.check_place(self._held(entry.slot), self.max_context)
        return [self._run(entry) for entry in batch]

    def read(self, length: int) -> Reading:
        """CannotEmbed: a Generator keeps its hidden states to itself."""
        raise CannotEmbed("onnxruntime-genai does not give a model's hidden states")

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Compute the first `length` tokens again: a Generator cannot be copied."""
        tokens = self._slots[slot_from].tokens[:length]
        self.free(slot_to)
        self._append(slot_to, tokens)

    def truncate(self, slot: int, length: int) -> None:
        """Rewind the slot's Generator."""
        if slot in self._slots:
            self._slots[slot].rewind(length)

    def free(self, slot: int) -> None:
        """Drop the slot's Generator."""
        self._slots.pop(slot, None)

    def kv_bytes(self) -> int:
        """Bytes of all Generators' caches."""
        return self._cell_bytes * sum(slot.room for slot in self._slots.values())

    def kv_bytes_for(self, lengths: Sequence[int]) -> int:
        """Every slot takes its whole room, however little of it is used."""
        return self._cell_bytes * sum(self._room(length) for length in lengths if length)

    def limit_kv(self, limit: int) -> None:
        """Slots made from now on are no longer than the limit allows one to be, or than they need to be."""
        self._limit = limit

    def close(self) -> None:
        """Drop the Generators, then the model."""
        self._slots.clear()
        self._model = None

    def _room(self, length: int) -> int:
        """Positions of a Generator that has to hold `length`: the whole context, if the limit allows it."""
        allowed = self._limit // self._cell_bytes if self._cell_bytes else TRIAL_ROOM
        return min(self.max_context, max(allowed, -(-length // BLOCK) * BLOCK))

    def _held(self, slot: int) -> int:
        """Positions in use of a slot."""
        return len(self._slots[slot].tokens) if slot in self._slots else 0

    def _run(self, entry: SlotInput) -> Logits | None:
        slot = self._append(entry.slot, entry.tokens)
        return slot.logits() if entry.wants_logits else None

    def _append(self, number: int, tokens: Sequence[int]) -> "_Slot":
        """Compute more tokens of a slot; all of them, with more room, when they do not fit."""
        slot = self._slots.get(number)
        if slot is None or slot.room < len(slot.tokens) + len(tokens):
            tokens = [*(slot.tokens if slot else ()), *tokens]
            self.free(number)
            slot = self._slots[number] = _Slot(self._model, self._room(len(tokens)))
        slot.append(tokens, self._chunk)
        return slot


class _Slot:
    """A Generator with `room` positions, and the tokens it holds."""

    def __init__(self, model: Any, room: int) -> None:
        self.room = room
        params = og.GeneratorParams(model)
        params.set_search_options(max_length=room, batch_size=1, do_sample=False)
        self._generator = og.Generator(model, params)
        self.tokens: list[int] = []

    def append(self, tokens: Sequence[int], chunk: int) -> None:
        """Compute `tokens`, at most `chunk` of them in one run."""
        for cut in cuts(len(tokens), chunk):
            part = tokens[cut]
            self._generator.append_tokens(np.asarray(part, np.int32))
            self.tokens.extend(part)

    def rewind(self, length: int) -> None:
        """Forget what stands from `length` on."""
        if length < len(self.tokens):
            self._generator.rewind_to(length)
            del self.tokens[length:]

    def logits(self) -> Logits:
        """Logits [vocabulary] after the last token."""
        logits: Logits = np.asarray(self._generator.get_logits(), np.float32)[0, -1]
        return logits

    def cell_bytes(self, config: OnnxConfig) -> int:
        """Bytes of one position of a layer's keys."""
        try:
            item = self._generator.get_input(config.past_key % 0).itemsize
        except RuntimeError:  # numpy has no bfloat16
            item = BFLOAT16_BYTES
        return int(item) * config.kv_heads * config.head_size


def create_decoder(plan: LoadPlan) -> Decoder:
    """A new onnxruntime-genai decoder."""
    return GenaiDecoder()


def read_vocabulary(plan: LoadPlan) -> Vocabulary:
    """The vocabulary in the model's folder."""
    return FolderVocabulary(Path(plan.path))
