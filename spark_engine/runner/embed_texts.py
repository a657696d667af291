"""The texts of a request for embeddings or a ranking, tokenized and checked one by one."""

from collections.abc import Iterator

from spark_engine.backends.encoder import Text
from spark_engine.errors import CannotEmbed, InvalidRequest
from spark_engine.runner.embed_source import TextSource
from spark_engine.types.chat import TextPrompt
from spark_engine.types.embeddings import EmbeddingRequest, ReadingRequest, RerankRequest


def tokenized(request: ReadingRequest, source: TextSource) -> Iterator[Text]:
    """Everything to be read, in order; InvalidRequest at the first text that cannot be.

    A ranking by vectors has the query in front; a cross-encoder reads it together with each document.
    """
    match request:
        case EmbeddingRequest():
            yield from _inputs(request, source)
        case RerankRequest(query=query, documents=documents):
            scores = source.kind == "reranker"
            if not scores:
                yield _checked("query", source.text(_whole(query)), source)
            for place, document in enumerate(documents):
                read = (
                    source.pair(_whole(query), _whole(document)) if scores else source.text(_whole(document))
                )
                yield _checked(f"documents[{place}]", read, source)


def _inputs(request: EmbeddingRequest, source: TextSource) -> Iterator[Text]:
    if source.kind == "reranker":
        raise CannotEmbed("it scores pairs of texts only")
    for place, given in enumerate(request.inputs):
        text = source.text(_whole(given.text)) if isinstance(given, TextPrompt) else Text(given.tokens)
        name = f"input[{place}]" if len(request.inputs) > 1 else "input"
        yield _checked(name, text, source)


def _whole(text: str) -> str:
    """The text without half surrogate pairs, which are no characters."""
    return text.encode("utf-8", "replace").decode()


def _checked(name: str, text: Text, source: TextSource) -> Text:
    """The text, when the model can read it."""
    if not text.length:
        raise _refused(name, "empty_input", "A text is empty", "has no tokens", "Leave it out.")
    if text.length > source.longest:
        what = f"has {text.length} tokens; this model reads up to {source.longest} at once"
        remedy = "Cut it into shorter texts."
        raise _refused(name, "context_length_exceeded", "A text is too long", what, remedy)
    if not all(0 <= token < source.vocab_size for token in text.tokens):
        what = f"has tokens beyond those of this model, which are 0 to {source.vocab_size - 1}"
        remedy = "Send text, or tokens of this model."
        raise _refused(name, "unknown_token", "A text has an unknown token", what, remedy)
    return text


def _refused(name: str, code: str, title: str, what: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(code, title, f"{name} {what}.", remedy, param=name.partition("[")[0])
