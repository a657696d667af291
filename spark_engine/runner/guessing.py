"""When a step checks guessed tokens: prompt lookup for one sequence that decodes alone, where it pays."""

from spark_engine.backends.base import Decoder
from spark_engine.runner.lookup import HOPEFUL, worthwhile
from spark_engine.runner.pace import Pace
from spark_engine.runner.plan import Chunk
from spark_engine.runner.sequence import Sequence

LOSS = 0.005  # of the plain steps may be lost in the long run by guesses that did not pay
_FIRST, _MOST = 5.0, 100.0
_LEARNS = 0.05


class Guessing:
    """Adds guesses to plans. `wanted` False: never.

    `_credit` is what guesses have saved of late, in plain steps, and may cost: without any, nothing is guessed.
    """

    def __init__(self, decoder: Decoder, pace: Pace, *, wanted: bool) -> None:
        self._most = decoder.max_logits - 1 if wanted else 0
        self._decoder, self._pace = decoder, pace
        self._hits, self._credit = HOPEFUL, _FIRST

    def added(self, chunks: list[Chunk]) -> list[Chunk]:
        """The plan, with a guess of the tokens that follow if there is one worth checking."""
        sequence = chunks[0].sequence if len(chunks) == 1 else None
        if not self._most or sequence is None or sequence.lookup is None or sequence.remaining != 1:
            return chunks
        if sequence.is_redone:
            return chunks
        sequence.lookup.begin(self._hits)
        found = sequence.lookup.guess(sequence.tokens)
        if found and self._credit > 0:
            guess = worthwhile(found[: self._room(sequence)], sequence.lookup.hits, self._pace.costs())
            if guess:
                return [Chunk(sequence, 1, tuple(guess))]
        sequence.lookup.recover()
        self._earn(LOSS)
        return chunks

    def learn(self, sequence: Sequence, guessed: int, right: int, given: int) -> None:
        """Note that the first `right` of `guessed` tokens were right, and how many tokens the step gave in all."""
        if sequence.lookup is not None:
            sequence.lookup.learn(guessed, right)
            self._hits += _LEARNS * (sequence.lookup.hits - self._hits)
        self._earn(given - self._pace.costs().of(1 + guessed))

    def redo(self, sequence: Sequence) -> None:
        """Note that a sequence's latest tokens have to be computed again."""
        self._earn(-sequence.remaining)

    def _earn(self, steps: float) -> None:
        self._credit = max(-_MOST, min(_MOST, self._credit + steps))

    def _room(self, sequence: Sequence) -> int:
        """How many tokens may follow before the answer's end, or before other rotary factors hold."""
        limit, original = sequence.limit - 1, self._decoder.original_context
        if original is not None and not sequence.is_long:
            limit = min(limit, original)
        return max(0, min(limit - len(sequence.tokens), self._most))
