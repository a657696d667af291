"""Log-probabilities of the model itself: natural logarithms from the raw logits, before any sampling option."""

from collections.abc import Callable

import numpy as np

from spark_engine.backends.base import Logits
from spark_engine.runner.selection import most_likely
from spark_engine.types.generation import TokenLogprob

Piece = Callable[[int], bytes]


def token_logprob(logits: Logits, token: int, alternatives: int, piece: Piece) -> TokenLogprob:
    """The chosen token's log-probability, with the `alternatives` likeliest tokens, best first."""
    total = _log_sum(logits)
    ids = _largest(logits, min(alternatives, len(logits)))
    top = tuple(TokenLogprob(i, _text(piece, i), float(logits[i]) - total) for i in ids)
    return TokenLogprob(token, _text(piece, token), float(logits[token]) - total, top)


def _log_sum(logits: Logits) -> float:
    peak = logits.max()
    return float(peak) + float(np.log(np.exp(logits - peak).sum(dtype=np.float64)))


def _largest(logits: Logits, count: int) -> list[int]:
    if count <= 0:
        return []
    places = map(int, most_likely(logits, count))
    return sorted(places, key=lambda i: (-float(logits[i]), i))[:count]


def _text(piece: Piece, token: int) -> str:
    return piece(token).decode(errors="replace")
