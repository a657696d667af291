"""What a backend is: a Decoder turns tokens into logits and keeps the key/value cache of numbered slots."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import Pooling

Logits = NDArray[np.float32]
Hidden = NDArray[np.float32]

NO_ROUNDING, FLOAT_ROUNDING, INTEGER_ROUNDING = 0.0, 0.01, 0.5
"""`Decoder.rounding` of models whose tokens get the same bits in any company, of those that compute in 32-bit numbers,
and of those that round activations to 8-bit ones."""


class LoadStep(Struct, frozen=True):
    """Progress of loading: `fraction` 0..1 and a short phrase for people."""

    fraction: float
    step: str


class SlotInput(Struct, frozen=True):
    """Work for one slot in one step: `tokens` go to positions `position`, `position + 1`, … of `slot`.

    One token is a decode step, several are a prefill chunk. Logits are wanted after the last `last` tokens or not
    at all. `reach`: how long the sequence is already known to become, if that is more than it will then hold.
    """

    slot: int
    position: int
    tokens: Sequence[int]
    wants_logits: bool
    last: int = 1
    reach: int = 0

    def check_place(self, held: int, context: int) -> None:
        """ValueError unless it begins where a slot that holds `held` positions ends, and ends within `context`."""
        end = self.position + len(self.tokens)
        if self.position != held or not held < end <= context:
            raise ValueError(f"slot {self.slot} holds {held} positions; cannot fill {self.position} to {end}")


class Reading(Protocol):
    """One text on its way through a model for its hidden states, apart from all slots and what runs in them."""

    def add(self, tokens: Sequence[int]) -> Hidden:
        """Read on: the final hidden states (after the last norm) of these tokens, float32 [tokens, hidden]."""
        ...

    def close(self) -> None:
        """Give its memory back. May be called any number of times."""
        ...


class Decoder(Protocol):
    """A loaded model. Not thread-safe; the runner's main thread is its only caller.

    `max_logits`: the largest `last` it takes, of entries with no more tokens than that. `pooling`: how the model's
    files say its embeddings are made; None when they don't. `original_context`: a longer sequence is computed with
    other rotary factors, from its first token on; None: none is. A slot whose sequence outgrows it, or is cut below it,
    is computed anew within `forward`, in one go; `reach` avoids that. `rounding`: logits by which a lead surely
    differs less between tokens computed several at a time and one at a time. `joins`: all tokens of a step share a run
    over the weights; else all single ones share one, and each piece of a prompt takes one more.
    """

    vocab_size: int
    max_slots: int
    max_context: int
    max_logits: int
    rounding: float
    joins: bool
    original_context: int | None
    device: str
    pooling: Pooling | None

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Load the model, yielding progress. Raises SparkError when it cannot run here."""
        ...

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        """Run one step. For each entry, in order: float32 logits [vocab_size], or [last, vocab_size] when several
        are wanted, or None when none are.

        An entry's result never depends on what else is in the batch. The arrays are valid until the next call.
        """
        ...

    def read(self, length: int) -> Reading:
        """Begin to read a text of `length` tokens, at most `max_context`. CannotEmbed when its hidden states are out of
        reach."""
        ...

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Make the first `length` positions of one slot those of another."""
        ...

    def truncate(self, slot: int, length: int) -> None:
        """Forget all positions of a slot from `length` on."""
        ...

    def free(self, slot: int) -> None:
        """Forget a slot; its memory may be given back."""
        ...

    def kv_bytes(self) -> int:
        """Bytes the key/value cache occupies now."""
        ...

    def kv_bytes_for(self, lengths: Sequence[int]) -> int:
        """Bytes the cache needs at least to hold slots of these lengths at once, whatever it occupies now."""
        ...

    def limit_kv(self, limit: int) -> None:
        """Let the cache occupy at most `limit` bytes, or what `kv_bytes_for` says of its slots if that is more."""
        ...

    def close(self) -> None:
        """Release the model."""
        ...
