"""A decoder that refuses work which would lose, repeat or mix up tokens, and says what it should have answered."""

import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from spark_engine.backends.base import LoadStep, Logits, Reading, SlotInput
from spark_engine.backends.echo import SIZE
from spark_engine.errors import CannotEmbed
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import Pooling

Predict = Callable[[Sequence[int]], int]


class CheckingDecoder:
    """Keeps its slots' tokens. After the n-th token of a slot it predicts token n, so that an answer tells which
    positions it came from; or what `predict` says.
    """

    vocab_size = SIZE
    max_context = 200
    max_logits = 9
    rounding = 0.0
    joins = False
    original_context: int | None = None
    device = "test"
    pooling: Pooling | None = None

    def __init__(self, slots: int = 3, predict: Predict = lambda tokens: len(tokens) % 200) -> None:
        self.max_slots = slots
        self.tokens: list[list[int]] = [[] for _ in range(slots)]
        self.limit = sys.maxsize
        self.batches: list[list[SlotInput]] = []
        self.fails: Callable[[], bool] = lambda: False
        self.spoils: Callable[[SlotInput], bool] = lambda entry: False
        self._predict = predict
        self._long = [False] * slots

    @property
    def held(self) -> list[int]:
        """Tokens in each slot."""
        return [len(tokens) for tokens in self.tokens]

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        yield LoadStep(1.0, "ready")

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        self.batches.append(list(batch))
        if self.fails():
            raise RuntimeError("the library fell over")
        assert len({entry.slot for entry in batch}) == len(batch)
        results = [self._run(entry) for entry in batch]
        assert self.kv_bytes() <= self.limit
        return results

    def read(self, length: int) -> Reading:
        raise CannotEmbed("it computes no hidden states")

    def _run(self, entry: SlotInput) -> Logits | None:
        tokens = self.tokens[entry.slot]
        assert len(tokens) == entry.position, "a token was lost or computed twice"
        assert entry.tokens
        assert entry.last <= min(self.max_logits, len(entry.tokens))
        self._check_side(entry)
        rows = []
        for token in entry.tokens:
            tokens.append(token)
            rows.append(np.full(SIZE, -9.0, np.float32))
            rows[-1][self._predict(tokens)] = np.nan if self.spoils(entry) else 9.0
        assert len(tokens) <= self.max_context
        if not entry.wants_logits:
            return None
        return rows[-1] if entry.last == 1 else np.array(rows[-entry.last :])

    def _check_side(self, entry: SlotInput) -> None:
        """A slot is computed with the factors of its sequence's length from its first token on."""
        end = max(entry.reach, entry.position + len(entry.tokens))
        is_long = self.original_context is not None and end > self.original_context
        if entry.position == 0:
            self._long[entry.slot] = is_long
        assert self._long[entry.slot] is is_long, "this would be computed anew in one go"

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        self._long[slot_to] = self._long[slot_from]
        assert not self.tokens[slot_to]
        assert length <= len(self.tokens[slot_from])
        self.tokens[slot_to] = self.tokens[slot_from][:length]

    def truncate(self, slot: int, length: int) -> None:
        assert length <= len(self.tokens[slot])
        del self.tokens[slot][length:]

    def free(self, slot: int) -> None:
        self.tokens[slot] = []

    def kv_bytes(self) -> int:
        return sum(self.held)

    def kv_bytes_for(self, lengths: Sequence[int]) -> int:
        return sum(lengths)

    def limit_kv(self, limit: int) -> None:
        self.limit = limit

    def close(self) -> None:
        return


def after(tokens: Sequence[int]) -> int:
    """A token that depends on every token before it."""
    return hash(tuple(tokens)) % 200


def repeating(tokens: Sequence[int]) -> int:
    """Mostly the token 20 places before, as of a model that quotes."""
    return after(tokens) if len(tokens) % 17 == 0 else tokens[-20 % len(tokens)]


def answer_to(prompt: Sequence[int], length: int, predict: Predict = after) -> list[int]:
    """The whole answer to a prompt."""
    tokens = list(prompt)
    for _ in range(length):
        tokens.append(predict(tokens))
    return tokens[len(prompt) :]
