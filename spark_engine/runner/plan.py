"""Plans one step: which sequences decode, and how the prefill tokens are shared. Pure; knows no model."""

from collections.abc import Iterable
from typing import NamedTuple

from spark_engine.backends.base import SlotInput
from spark_engine.runner.sequence import Sequence

MIN_CHUNK = 16


class Chunk(NamedTuple):
    """The next `length` uncomputed tokens of a sequence, and a `guess` of those that follow, to be checked."""

    sequence: Sequence
    length: int
    guess: tuple[int, ...] = ()

    @property
    def end(self) -> int:
        """How many tokens the sequence's slot holds afterwards."""
        return self.sequence.computed + self.length + len(self.guess)

    @property
    def is_last(self) -> bool:
        """Whether nothing of the sequence remains uncomputed afterwards: logits are wanted."""
        return self.length == self.sequence.remaining

    def entry(self) -> SlotInput:
        """The work it is for a decoder."""
        sequence, begin = self.sequence, self.sequence.computed
        tokens = [*sequence.tokens[begin : begin + self.length], *self.guess]
        reach = len(sequence.tokens)
        if sequence.wants_prompt_logits:
            return SlotInput(sequence.slot, begin, tokens, True, len(tokens), reach)
        return SlotInput(sequence.slot, begin, tokens, self.is_last, 1 + len(self.guess), reach)


def plan_step(running: Iterable[Sequence], prefill_budget: int) -> list[Chunk]:
    """One token for every decoding sequence, then prefill chunks of about `prefill_budget` tokens together.

    Prompts share the budget evenly; what short ones leave goes to the longer ones. When there are more prompts
    than the budget has chunks worth computing, those that waited longest go first, and of these the ones read least.
    """
    decoding: list[Sequence] = []
    prefilling: list[Sequence] = []
    for sequence in running:
        (decoding if sequence.is_decoding else prefilling).append(sequence)
    chunks = [Chunk(sequence, 1) for sequence in decoding]
    if prefilling:
        prefilling.sort(key=lambda sequence: (sequence.served_at, sequence.computed))
        served = prefilling[: max(1, prefill_budget // MIN_CHUNK)]
        lengths = fair_shares([sequence.remaining for sequence in served], prefill_budget)
        chunks += [
            Chunk(sequence, sequence.piece(length))
            for sequence, length in zip(served, lengths, strict=True)
            if length
        ]
    return chunks


def fair_shares(wanted: list[int], budget: int) -> list[int]:
    """Max-min fair shares: nobody gets more than wanted, and the rest is spread evenly over those who want more."""
    shares = [0] * len(wanted)
    left = budget
    for rank, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        shares[index] = min(wanted[index], -(-left // (len(wanted) - rank)))
        left -= shares[index]
    return shares
