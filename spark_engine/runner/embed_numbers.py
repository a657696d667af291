"""The numbers a request asks for, from what a source reads: vectors, cosines, or a cross-encoder's probabilities."""

from collections.abc import Iterator, Sequence

import numpy as np

from spark_engine.backends.encoder import Text
from spark_engine.runner.embed_pooling import Vector, shortened
from spark_engine.runner.embed_source import Found, TextSource
from spark_engine.types.embeddings import EmbeddingRequest, ReadingRequest


def numbers(request: ReadingRequest, source: TextSource, texts: Sequence[Text]) -> Iterator[Found]:
    """What each piece of work completed, with the places of the inputs or documents it belongs to."""
    if isinstance(request, EmbeddingRequest):
        for found in source.read(texts):
            yield [(index, shortened(vector, request.dimensions)) for index, vector in found]
    elif source.kind == "reranker":
        for found in source.read(texts):
            yield [(index, _probability(score)) for index, score in found]
    else:
        yield from _cosines(source, texts[0], texts[1:])


def _cosines(source: TextSource, query: Text, documents: Sequence[Text]) -> Iterator[Found]:
    asked: Vector | None = None
    for found in source.read([query]):
        asked = found[0][1] if found else None
        yield []
    assert asked is not None, "the query was not read"
    for found in source.read(documents):
        yield [(index, np.atleast_1d(asked @ vector)) for index, vector in found]


def _probability(score: Vector) -> Vector:
    """The sigmoid. Of a large number exp would overflow; of its negative it only vanishes."""
    small = np.exp(-np.abs(score))
    probability: Vector = np.where(score >= 0, 1 / (1 + small), small / (1 + small)).astype(np.float32)
    return probability
