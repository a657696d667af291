"""When a step checks guessed tokens: prompt lookup for one sequence that decodes alone, where it pays."""

from spark_engine.backends.base import Decoder
from spark_engine.runner.lookup import worthwhile
from spark_engine.runner.pace import Pace
from spark_engine.runner.plan import Chunk
from spark_engine.runner.sequence import Sequence


class Guessing:
    """Adds guesses to plans. `wanted` False: never."""

    def __init__(self, decoder: Decoder, pace: Pace, *, wanted: bool) -> None:
        self._most = decoder.max_logits - 1 if wanted else 0
        self._decoder, self._pace = decoder, pace

    def added(self, chunks: list[Chunk]) -> list[Chunk]:
        """The plan, with a guess of the tokens that follow if there is one worth checking."""
        sequence = chunks[0].sequence if len(chunks) == 1 else None
        if not self._most or sequence is None or sequence.lookup is None or not sequence.is_decoding:
            return chunks
        if sequence.needs_plain_step:
            sequence.needs_plain_step = False
            return chunks
        guess = sequence.lookup.guess(sequence.tokens)[: self._room(sequence)]
        if guess := worthwhile(guess, sequence.lookup.hits, self._pace.costs()):
            return [Chunk(sequence, 1, tuple(guess))]
        sequence.lookup.recover()
        return chunks

    def _room(self, sequence: Sequence) -> int:
        """How many tokens may follow before the answer's end, or before other rotary factors hold."""
        limit, original = sequence.limit - 1, self._decoder.original_context
        if original is not None and not sequence.is_long:
            limit = min(limit, original)
        return max(0, min(limit - len(sequence.tokens), self._most))
