"""From the hidden states of a text's tokens to the text's vector, and what is told of it."""

import numpy as np
from numpy.typing import NDArray

from spark_engine.errors import InvalidRequest
from spark_engine.types.models import Pooling

Vector = NDArray[np.float32]


class Pool:
    """Takes the hidden states of one text, piece by piece and in order."""

    def __init__(self, pooling: Pooling) -> None:
        self._pooling = pooling
        self._taken: NDArray[np.float64] | None = None

    def add(self, hidden: Vector) -> None:
        """The states of the next tokens [tokens, hidden]."""
        if self._pooling == "mean":  # the sum has the mean's direction
            added = hidden.sum(axis=0, dtype=np.float64)
            self._taken = added if self._taken is None else self._taken + added
        elif self._pooling == "last":
            self._taken = hidden[-1].astype(np.float64)
        elif self._taken is None:
            self._taken = hidden[0].astype(np.float64)

    @property
    def vector(self) -> Vector:
        """The text's vector, of length 1."""
        assert self._taken is not None, "nothing was read"
        return unit(self._taken)


def unit(vector: NDArray[np.floating]) -> Vector:
    """The vector scaled to length 1; zeros stay zeros."""
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).astype(np.float32)


def shortened(vector: Vector, dimensions: int | None) -> Vector:
    """The vector's first `dimensions` numbers, of length 1 again; InvalidRequest when it has fewer."""
    if dimensions is None or dimensions == len(vector):
        return vector
    if dimensions > len(vector):
        raise InvalidRequest(
            "too_many_dimensions",
            "The vectors are not that long",
            f"This model's vectors have {len(vector)} dimensions; {dimensions} were asked for.",
            f"Ask for at most {len(vector)}, or leave dimensions out.",
            param="dimensions",
        )
    return unit(vector[:dimensions])


def as_bytes(numbers: Vector) -> bytes:
    """Little-endian float32, whatever this machine's own order."""
    return numbers.astype("<f4").tobytes()
