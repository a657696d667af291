"""Keeps greedy answers what plain steps give, although guessed tokens are checked several at a time.

Kernels for several tokens add up in another order than those for one. So logits that rest on tokens computed several at
a time decide only where the best one leads by more than that can change. Elsewhere those tokens are computed again, one
at a time, and the logits after them decide.
"""

from spark_engine.backends.base import Decoder, Logits
from spark_engine.backends.cutting import FEWEST
from spark_engine.runner.selection import most_likely
from spark_engine.runner.sequence import Sequence

_RIVALS = 4
_SAFETY = 2.0  # times the largest change of a lead that was seen


class Rounding:
    """By how much leads change at one decoder."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder, self._least = decoder, decoder.rounding

    def is_sure(self, sequence: Sequence, logits: Logits) -> bool:
        """Whether these logits can decide on a sequence's next token. If not it is set back."""
        if sequence.doubtful is not None:
            self._compare(sequence.doubtful, logits)
            sequence.doubtful = None
        if not self._least or not sequence.needs_lead or sequence.sampler.is_sure(logits, self._least):
            return True
        sequence.doubtful = logits.copy()
        self._set_back(sequence)
        return False

    def _set_back(self, sequence: Sequence) -> None:
        """Forget what was not computed as it is to be. What is left of a prompt must be no single token."""
        kept, prompt = sequence.exact, sequence.pieces_until
        if kept < prompt:
            kept = max(0, min(kept, prompt - FEWEST))
        try:
            self._decoder.truncate(sequence.slot, kept)
        except ValueError:  # a sliding window has moved on
            self._decoder.free(sequence.slot)
            kept = 0
        sequence.begin_at(kept)

    def _compare(self, before: Logits, after: Logits) -> None:
        """Learn from logits of one token, computed in both ways."""
        places = most_likely(after, min(_RIVALS, len(after)))
        change = before[places] - after[places]
        self._least = max(self._least, _SAFETY * float(change.max() - change.min()))
