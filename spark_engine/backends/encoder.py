"""What reads whole texts at once and writes none: models made for embeddings, and cross-encoders that score pairs."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from spark_engine.backends.base import LoadStep
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import ModelKind, Pooling

Output = NDArray[np.float32]


class Text(Struct, frozen=True):
    """A text as a model reads it, or two read as one. `parts`: 0 for tokens of the first text, 1 for the second's."""

    tokens: Sequence[int]
    parts: Sequence[int] = ()

    @property
    def length(self) -> int:
        """How many tokens it has."""
        return len(self.tokens)


class Encoder(Protocol):
    """A loaded model. Not thread-safe; the runner's main thread is its only caller.

    `kind`: whether it embeds or scores. `max_length`: tokens of the longest text. `shares_runs`: whether texts of one
    run leave each other as they are; otherwise they must be given one by one. `pooling`: as its files say.
    """

    kind: ModelKind
    device: str
    vocab_size: int
    max_length: int
    shares_runs: bool
    pooling: Pooling | None

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Load the model, yielding progress. Raises SparkError when it cannot run here."""
        ...

    def encode(self, texts: Sequence[Text]) -> list[Output]:
        """For each text its final hidden states, float32 [tokens, hidden]; of a model that scores, the score before
        the sigmoid, float32 [1, 1]."""
        ...

    def close(self) -> None:
        """Release the model."""
        ...


class TextEncoding(Protocol):
    """How a model's texts become tokens, with the special tokens that frame them."""

    def text(self, text: str) -> Text:
        """One text. What it spells is never a special token."""
        ...

    def pair(self, text: str, other: str) -> Text:
        """Two texts read as one."""
        ...
