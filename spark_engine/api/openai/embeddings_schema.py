"""What the calls for embeddings and rankings accept: request bodies with strict types and ranges."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from spark_engine.api.openai.bodies import MAX_INT, Body, TimedBody, TokenId

MAX_TEXTS = 2048
_Text = Annotated[str, Field(min_length=1)]
_Tokens = Annotated[list[TokenId], Field(min_length=1)]
_FAULT = "spark_union"


def _input_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "text"
    if not isinstance(value, list):
        return None
    first = value[0] if value else ""
    return "token lists" if isinstance(first, list) else "tokens" if isinstance(first, int) else "texts"


def _document_kind(value: Any) -> str | None:
    return "text" if isinstance(value, str) else "object" if isinstance(value, dict) else None


class ReadingBody(TimedBody):
    """What both calls share."""

    model: str = Field(min_length=1, max_length=256, description="A model's id, a variant's id, or `auto`.")
    user: str | None = None


class EmbeddingsRequest(ReadingBody):
    """Texts, or lists of token ids, of which each becomes a vector of length 1."""

    input: Annotated[
        Annotated[_Text, Tag("text")]
        | Annotated[list[_Text], Field(min_length=1, max_length=MAX_TEXTS), Tag("texts")]
        | Annotated[_Tokens, Tag("tokens")]
        | Annotated[list[_Tokens], Field(min_length=1, max_length=MAX_TEXTS), Tag("token lists")],
        Discriminator(
            _input_kind,
            custom_error_type=_FAULT,
            custom_error_message="must be text, token ids, or a list of either",
        ),
    ]
    dimensions: int | None = Field(None, ge=1, le=MAX_INT, description="Only so many first numbers.")
    encoding_format: Literal["float", "base64"] | None = Field(
        None, description="base64: little-endian float32."
    )


class DocumentBody(Body):
    """A document with other fields beside its text, which are ignored."""

    text: _Text


class RerankRequest(ReadingBody):
    """Documents to be put in the order in which they answer a query."""

    query: _Text
    documents: list[
        Annotated[
            Annotated[_Text, Tag("text")] | Annotated[DocumentBody, Tag("object")],
            Discriminator(
                _document_kind,
                custom_error_type=_FAULT,
                custom_error_message="must be text or an object with text",
            ),
        ]
    ] = Field(min_length=1, max_length=MAX_TEXTS)
    top_n: int | None = Field(None, ge=1, le=MAX_INT, description="Only so many best ones.")
    return_documents: bool | None = Field(
        None, description="Whether results repeat the text; they do if unset."
    )
