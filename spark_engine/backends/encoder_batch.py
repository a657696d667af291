"""Texts of different lengths as the arrays of one run, and the text a freshly loaded encoder is tried with."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.encoder import Encoder, Text
from spark_engine.backends.encoder_files import unfit

Ints = NDArray[np.int64]


class Batch(NamedTuple):
    """Arrays [texts, longest]; `mask` is 1 where a text has a token."""

    tokens: Ints
    mask: Ints
    parts: Ints


def padded(texts: Sequence[Text], padding: int) -> Batch:
    """The texts side by side, each filled up at its end."""
    shape = (len(texts), max(text.length for text in texts))
    batch = Batch(np.full(shape, padding, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    for row, text in enumerate(texts):
        batch.tokens[row, : text.length] = text.tokens
        batch.mask[row, : text.length] = 1
        batch.parts[row, : len(text.parts)] = text.parts
    return batch


def trial(encoder: Encoder, folder: Path) -> None:
    """Run a text of two tokens. Unavailable when what comes out is not what the kind of model promises."""
    (found,) = encoder.encode([Text([0, 0][: encoder.max_length])])
    if encoder.kind == "reranker" and found.shape != (1, 1):
        raise unfit(folder, f"it sorts texts into {found.shape[-1]} classes, which is no score")
    if found.ndim != 2 or not np.isfinite(found).all():
        raise unfit(folder, "what it computes is no vector")
