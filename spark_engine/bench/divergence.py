"""How far two predictions of the same tokens are apart: pure arithmetic on logits."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from spark_engine.types.bench import Agreement

Logits = NDArray[np.float32]


class Compared(Struct, frozen=True):
    """Position by position: whether both have the same likeliest token, and the divergence in nats."""

    same: NDArray[np.bool_]
    apart: NDArray[np.float64]


def compare(reference: Logits, other: Logits) -> Compared:
    """Two predictions [positions, vocabulary]. ValueError when they are not of the same positions.

    Files of one model may pad their vocabularies differently: what only one of them has is left out.
    """
    if len(reference) != len(other):
        raise ValueError(f"{len(reference)} positions cannot be compared with {len(other)}")
    size = min(reference.shape[-1], other.shape[-1])
    ours, theirs = reference[:, :size], other[:, :size]
    return Compared(ours.argmax(-1) == theirs.argmax(-1), kl_divergence(ours, theirs))


def kl_divergence(reference: Logits, other: Logits) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of `other` from `reference` per position, in nats."""
    ours, theirs = _log_softmax(reference), _log_softmax(other)
    divergence: NDArray[np.float64] = (np.exp(ours) * (ours - theirs)).sum(-1)
    return np.maximum(divergence, 0.0)  # rounding may leave a trace below


def agreement(variant: str, compared: Sequence[Compared]) -> Agreement:
    """The figures over all positions of all prompts."""
    same = np.concatenate([one.same for one in compared])
    apart = np.concatenate([one.apart for one in compared])
    return Agreement(variant, len(same), float(same.mean()), float(apart.mean()), float(apart.max()))


def _log_softmax(logits: Logits) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    normalised: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return normalised
