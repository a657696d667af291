"""What the calls for embeddings and rankings answer: the JSON shapes that OpenAI's and Cohere's clients know."""

from msgspec import UNSET, Struct, UnsetType

from spark_engine.types.generation import Served, Timings


class EmbeddingObject(Struct, frozen=True, tag_field="object", tag="embedding"):
    """One input's vector: numbers, or little-endian float32 in base64."""

    index: int
    embedding: tuple[float, ...] | str


class ReadingUsage(Struct, frozen=True):
    """Token counts; nothing is generated, so both are the same."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Struct, frozen=True, tag_field="object", tag="list"):
    """All vectors, in the order of the inputs."""

    data: tuple[EmbeddingObject, ...]
    model: str
    usage: ReadingUsage
    timings: Timings
    spark: Served


class RerankDocument(Struct, frozen=True):
    """A document's text."""

    text: str


class RerankResult(Struct, frozen=True):
    """A document's place in the request, and how well it answers: a cosine, or a cross-encoder's probability."""

    index: int
    relevance_score: float
    document: RerankDocument | UnsetType = UNSET


class RerankReply(Struct, frozen=True):
    """The documents, best first."""

    id: str
    model: str
    results: tuple[RerankResult, ...]
    usage: ReadingUsage
    timings: Timings
    spark: Served


STRUCTS = (EmbeddingList, RerankReply)
