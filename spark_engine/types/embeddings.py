"""Embeddings and rankings: what is asked, and the numbers that come back."""

from msgspec import Struct

from spark_engine.types.chat import TextPrompt, TokensPrompt
from spark_engine.types.generation import Served, Timings


class EmbeddingRequest(Struct, frozen=True, tag="embedding"):
    """One vector for each input. `dimensions`: only so many of its first numbers, scaled to length 1 again.

    `model`, `client` and `deadline_s` as in a GenerationRequest.
    """

    id: str
    model: str
    inputs: tuple[TextPrompt | TokensPrompt, ...]
    dimensions: int | None = None
    client: str = ""
    deadline_s: float | None = None


class RerankRequest(Struct, frozen=True, tag="rerank"):
    """A score for each document: how well it answers the query."""

    id: str
    model: str
    query: str
    documents: tuple[str, ...]
    client: str = ""
    deadline_s: float | None = None


ReadingRequest = EmbeddingRequest | RerankRequest
"""A request that a model only reads: nothing is generated."""


class Embeddings(Struct, frozen=True):
    """The vectors in the order of the inputs, each of length 1, as float32 little-endian bytes."""

    vectors: tuple[bytes, ...]
    prompt_tokens: int
    timings: Timings
    served: Served


class Ranking(Struct, frozen=True):
    """The scores in the order of the documents: a cosine, or a cross-encoder's probability (0..1)."""

    scores: tuple[float, ...]
    prompt_tokens: int
    timings: Timings
    served: Served
