"""The backend for SafeTensors folders and PyTorch checkpoints: transformers' models under Spark's own batching."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from spark_engine.backends.base import FLOAT_ROUNDING, Decoder, LoadStep, Logits, SlotInput
from spark_engine.backends.cores import physical_cores
from spark_engine.backends.devices import require_cpu
from spark_engine.backends.folder_vocabulary import FolderVocabulary
from spark_engine.backends.pooling_files import read_pooling
from spark_engine.backends.rope_switch import RopeSwitch, by_side, forward_across
from spark_engine.backends.torch_attention import NAME, Row, Step
from spark_engine.backends.torch_errors import memory_guard, unsupported
from spark_engine.backends.torch_files import read_checkpoint, read_through
from spark_engine.backends.torch_kv import SlotCache, room_for
from spark_engine.backends.torch_model import Architecture
from spark_engine.backends.torch_reading import TorchReading
from spark_engine.backends.torch_rope import LongRope
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import ContextTooLarge, SparkError
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import Pooling

RUN_TOKENS = 512
TRIAL = (5, 3, 8, 2, 13)
AGREEMENT = 0.01  # of the logits' spread; the same sums in another order differ by a thousandth of this


class TorchDecoder:
    """A transformers model on the CPU, computing in 32 bits. All rows of a step share one run."""

    vocab_size = 0
    max_slots = 0
    max_context = 0
    max_logits = 16
    rounding = FLOAT_ROUNDING
    joins = True
    original_context: int | None = None
    device = "CPU"
    pooling: Pooling | None = None

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Check the files, read them (so that progress is true), build the model, compare it with itself."""
        require_cpu(plan.device, "SafeTensors and PyTorch")
        torch.set_num_threads(plan.threads or physical_cores())
        self._folder = Path(plan.path)
        self.pooling = read_pooling(self._folder)
        checkpoint = read_checkpoint(self._folder, plan.format)
        architecture = Architecture(checkpoint)
        self.max_slots, self.max_context = plan.slots, architecture.usable_context(plan.context)
        architecture.check_memory()
        for fraction in read_through(checkpoint.files):
            yield LoadStep(0.5 * fraction, "reading the model")
        yield LoadStep(0.5, "preparing the model")
        self._model = architecture.load()
        self._slots = [SlotCache(self.max_context) for _ in range(plan.slots)]
        self._prepare_switch(architecture.switch())
        yield LoadStep(0.95, "warming up")
        self._try_out()
        yield LoadStep(1.0, "ready")

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        """All entries in one run; in several when they are many tokens, or differ in their rotary factors."""
        self._check(batch)
        return forward_across(self._switch, batch, self._forward)

    def read(self, length: int) -> TorchReading:
        """Begin to read a text, in buffers of its own."""

        def prepare() -> None:
            if self._rope is not None:
                self._rope.use(is_long=self._switch.makes_long(length))

        return TorchReading(self._model.base_model, self._folder, length, prepare)

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Copy the first `length` positions into new buffers."""
        with torch.inference_mode():
            self._slots[slot_to] = self._slots[slot_from].copy(length)
        self._switch.copy(slot_from, slot_to, length)

    def truncate(self, slot: int, length: int) -> None:
        """Positions from `length` on are written over by whatever comes next."""
        self._slots[slot].length = min(length, self._slots[slot].length)
        self._switch.truncate(slot, length)

    def free(self, slot: int) -> None:
        """Drop the slot's buffers."""
        self._slots[slot] = SlotCache(self.max_context)
        self._switch.free(slot)

    def kv_bytes(self) -> int:
        """Bytes of the buffers of all slots."""
        return sum(slot.nbytes for slot in self._slots)

    def kv_bytes_for(self, lengths: Sequence[int]) -> int:
        """Every slot has buffers of its own, with room to grow."""
        return self._position_bytes * sum(room_for(length, self.max_context) for length in lengths)

    def limit_kv(self, limit: int) -> None:
        """What slots have to grow into counts already as theirs."""

    def close(self) -> None:
        """Drop model and slots."""
        self._slots = []
        self._model = None

    def _prepare_switch(self, original: int | None) -> None:
        """Take the choice of rotary factors over, if the context reaches beyond their switch."""
        self._switch, self._rope = RopeSwitch(), None
        if original is not None and self.max_context > original:
            self.original_context = original
            self._switch, self._rope = RopeSwitch(original), LongRope(self._model, original)
            if not self._rope.works:
                raise ContextTooLarge(self.max_context, original)

    def _check(self, batch: Sequence[SlotInput]) -> None:
        if len({entry.slot for entry in batch}) != len(batch):
            raise ValueError("a slot is in the batch twice")
        for entry in batch:
            entry.check_place(self._slots[entry.slot].length, self.max_context)

    def _forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        results: dict[int, Logits] = {}
        work = [self._switch.enter(entry) for entry in batch]
        try:
            for group in by_side(self._switch, work):
                self._compute(group, results)
        except BaseException:
            for entry in work:  # a slot that was to be computed anew holds nothing
                self._slots[entry.slot].length = entry.position
                self._switch.truncate(entry.slot, entry.position)
            raise
        return [results[entry.slot] if entry.wants_logits else None for entry in batch]

    def _compute(self, group: list[SlotInput], results: dict[int, Logits]) -> None:
        """Entries that use the same rotary factors."""
        if self._rope is not None:
            self._rope.use(is_long=self._switch.is_long(group[0].slot))
        for entry in group:
            self._slots[entry.slot].length = entry.position
        for pieces in _runs(group):
            self._run(pieces, results)

    def _run(self, pieces: list[SlotInput], results: dict[int, Logits]) -> None:
        """One run of the model, with logits for the last tokens of the pieces that want them."""
        ends = np.cumsum([len(piece.tokens) for piece in pieces])
        asking = [
            (p, range(end - p.last, end)) for p, end in zip(pieces, ends, strict=True) if p.wants_logits
        ]
        wanted = [place for _, places in asking for place in places]
        rows = [Row(self._slots[p.slot], p.position, len(p.tokens)) for p in pieces]
        with torch.inference_mode(), memory_guard(self._folder):
            output = self._model(
                input_ids=torch.tensor([[token for piece in pieces for token in piece.tokens]]),
                position_ids=torch.cat([torch.arange(r.position, r.position + r.length) for r in rows])[None],
                logits_to_keep=torch.tensor(wanted, dtype=torch.long),
                use_cache=False,
                step=Step(rows),
            )
        for row in rows:
            row.cache.length = row.position + row.length
        logits = iter(output.logits[0].float().numpy())
        for piece, places in asking:
            taken = [next(logits) for _ in places]
            results[piece.slot] = taken[0] if piece.last == 1 else np.stack(taken)

    def _try_out(self) -> None:
        """Run a few tokens piece by piece, and refuse the model if its own attention gives something else."""
        tokens = TRIAL[: self.max_context]
        cuts = sorted({0, *range(max(0, len(tokens) - 2), len(tokens) + 1)})
        try:
            theirs = self._own_logits(tokens)
            for begin, end in pairwise(cuts):
                ours = self.forward([SlotInput(0, begin, tokens[begin:end], True)])[0]
        except SparkError:
            raise
        except Exception as error:
            raise unsupported(self._folder, f"it does not start ({type(error).__name__}: {error})") from error
        if ours is None or not np.allclose(ours, theirs, atol=AGREEMENT * float(theirs.std()), rtol=0):
            raise unsupported(self._folder, "it computes something else here than it should")
        self.vocab_size = len(ours)
        self._position_bytes = self._slots[0].position_bytes
        self.free(0)

    def _own_logits(self, tokens: Sequence[int]) -> Logits:
        """The last token's logits as transformers alone computes them."""
        self._model.set_attn_implementation("eager")
        with torch.inference_mode():
            output = self._model(input_ids=torch.tensor([tokens]), use_cache=False)
        self._model.set_attn_implementation(NAME)
        logits: Logits = output.logits[0, -1].float().numpy()
        return logits


def _runs(batch: Sequence[SlotInput]) -> Iterator[list[SlotInput]]:
    """The batch cut into runs of at most RUN_TOKENS tokens; of a slot's pieces only the last wants logits."""
    pieces: list[SlotInput] = []
    room = RUN_TOKENS
    for entry in batch:
        begin, length = 0, len(entry.tokens)
        if entry.last > 1 and length > room:  # one run gives all its logits
            yield pieces
            pieces, room = [], RUN_TOKENS
        while begin < length:
            end = min(length, begin + room)
            wants = entry.wants_logits and end == length
            tokens = entry.tokens[begin:end]
            pieces.append(SlotInput(entry.slot, entry.position + begin, tokens, wants, entry.last))
            room, begin = room - (end - begin), end
            if not room:
                yield pieces
                pieces, room = [], RUN_TOKENS
    if pieces:
        yield pieces


def create_decoder(plan: LoadPlan) -> Decoder:
    """A new decoder for SafeTensors and PyTorch models."""
    return TorchDecoder()


def read_vocabulary(plan: LoadPlan) -> Vocabulary:
    """The vocabulary in the model's folder."""
    return FolderVocabulary(Path(plan.path))
