"""What a grammar lets the next token of one sequence be."""

from typing import Protocol

import numpy as np
from llguidance import LLMatcher
from numpy.typing import NDArray

from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import SparkError

Allowed = NDArray[np.bool_]
_FEW = 32
"""Up to so many tokens it is worth looking whether they are beginnings of one and the same text."""


class Constraint(Protocol):
    """Says which tokens may come next."""

    @property
    def is_complete(self) -> bool:
        """Whether the answer has to end now."""
        ...

    def allowed(self, size: int) -> Allowed | None:
        """Which of `size` tokens may come next, as a mask; None when all may. SparkError when that cannot be said."""
        ...

    def accept(self, token: int) -> None:
        """Take note of the token that came."""
        ...


class GrammarMask:
    """The place of one sequence in its grammar."""

    def __init__(self, matcher: LLMatcher, vocabulary: Vocabulary, special: frozenset[int]) -> None:
        self._matcher, self._vocabulary, self._special = matcher, vocabulary, special

    @property
    def is_complete(self) -> bool:
        """Whether nothing but an end token could follow."""
        return self._matcher.is_stopped()

    def allowed(self, size: int) -> Allowed | None:
        """The mask of `size` tokens; end tokens are in it only where the grammar is satisfied."""
        mask = _mask(self._matcher)[:size]
        if self._matcher.is_error():
            raise _too_complex()
        if len(mask) < size:
            mask = np.concatenate((mask, np.zeros(size - len(mask), np.bool_)))
        return self._whole(mask) if np.count_nonzero(mask) <= _FEW else mask

    def accept(self, token: int) -> None:
        """Move on by one token. SparkError when it was not allowed."""
        if not self._matcher.consume_token(token):
            raise _too_complex()

    def _whole(self, mask: Allowed) -> Allowed:
        """Where the text is certain, only the token that the tokenizer itself would take: models know no other."""
        ids = [int(id) for id in np.flatnonzero(mask)]
        if len(ids) < 2:
            return mask
        longest = max(map(self._vocabulary.piece, ids), key=len)
        if (token := self._first_token(longest)) not in ids or not self._is_certain(
            self._matcher, ids, longest, set()
        ):
            return mask
        only = np.zeros_like(mask)
        only[token] = True
        return only

    def _is_certain(self, matcher: LLMatcher, ids: list[int], text: bytes, seen: set[int]) -> bool:
        """Whether all ways that begin with one of `ids` lead over `text`. `seen`: what was left of it before."""
        if not self._special.isdisjoint(ids):
            return False
        pieces = {id: self._vocabulary.piece(id) for id in ids}
        if not all(text.startswith(piece) or piece.startswith(text) for piece in pieces.values()):
            return False
        shorter = {len(text) - len(piece): id for id, piece in pieces.items() if len(piece) < len(text)}
        new = {left: id for left, id in shorter.items() if left not in seen}
        seen |= new.keys()
        return all(self._leads_on(matcher, id, text[-left:], seen) for left, id in new.items())

    def _leads_on(self, matcher: LLMatcher, token: int, text: bytes, seen: set[int]) -> bool:
        after = matcher.deep_copy()
        after.consume_token(token)
        mask = _mask(after)
        if np.count_nonzero(mask) > _FEW:
            return False
        return self._is_certain(after, [int(id) for id in np.flatnonzero(mask)], text, seen)

    def _first_token(self, text: bytes) -> int:
        try:
            tokens = self._vocabulary.encode(text.decode())
        except UnicodeDecodeError:  # a part of a character
            return -1
        return tokens[0] if tokens else -1


def _mask(matcher: LLMatcher) -> Allowed:
    bits = np.frombuffer(matcher.compute_bitmask(), np.uint8)
    return np.unpackbits(bits, bitorder="little").view(np.bool_)


def _too_complex() -> SparkError:
    return SparkError(
        "grammar_too_complex",
        "The grammar is too complex",
        "Its next tokens could not be worked out within the limits.",
        "Make the grammar simpler: fewer alternatives, fewer nested repetitions.",
    )
