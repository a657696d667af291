"""A decoder that refuses work which would lose, repeat or mix up tokens, and says what it should have answered."""

import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from spark_engine.backends.base import LoadStep, Logits, SlotInput
from spark_engine.backends.echo import SIZE
from spark_engine.protocol.messages import LoadPlan


class CheckingDecoder:
    """Keeps its slots' tokens. After the n-th token of a slot it predicts token n, so that an answer tells which
    positions it came from; with `by_content` the token depends on every token before it.
    """

    vocab_size = SIZE
    max_context = 200
    device = "test"

    def __init__(self, slots: int = 3, *, by_content: bool = False) -> None:
        self.max_slots = slots
        self.tokens: list[list[int]] = [[] for _ in range(slots)]
        self.limit = sys.maxsize
        self.batches: list[list[SlotInput]] = []
        self.fails: Callable[[], bool] = lambda: False
        self.spoils: Callable[[SlotInput], bool] = lambda entry: False
        self._by_content = by_content

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

    def _run(self, entry: SlotInput) -> Logits | None:
        tokens = self.tokens[entry.slot]
        assert len(tokens) == entry.position, "a token was lost or computed twice"
        assert entry.tokens
        tokens.extend(entry.tokens)
        assert len(tokens) <= self.max_context
        logits = np.full(SIZE, -9.0, np.float32)
        logits[self._next(tokens)] = np.nan if self.spoils(entry) else 9.0
        return logits if entry.wants_logits else None

    def _next(self, tokens: list[int]) -> int:
        return after(tokens) if self._by_content else len(tokens) % 200

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
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
    """The token that `by_content` predicts."""
    return hash(tuple(tokens)) % 200


def answer_to(prompt: Sequence[int], length: int) -> list[int]:
    """The whole answer that `by_content` gives to a prompt."""
    tokens = list(prompt)
    for _ in range(length):
        tokens.append(after(tokens))
    return tokens[len(prompt) :]
