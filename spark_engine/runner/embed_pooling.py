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
        self._count = 0
        self._sum: NDArray[np.float64] | None = None

    def add(self, hidden: Vector) -> None:
        """The states of the next tokens [tokens, hidden]."""
        if self._pooling == "mean":
            added = hidden.sum(axis=0, dtype=np.float64)
            self._sum = added if self._sum is None else self._sum + added
            self._count += len(hidden)
        elif self._pooling == "last" or self._sum is None:
            self._sum = hidden[-1 if self._pooling == "last" else 0].astype(np.float64)
            self._count = 1

    @property
    def vector(self) -> Vector:
        """The text's vector, of length 1."""
        assert self._sum is not None, "nothing was read"
        return unit(self._sum / self._count)


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
