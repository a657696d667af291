"""What OpenAI's dialect accepts: request bodies with strict types and ranges."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, Tag, model_validator

from spark_engine.api.openai.bodies import (
    MAX_INT,
    Body,
    TimedBody,
    TokenId,
    either,
    text_or_list,
    text_or_object,
)
from spark_engine.api.openai.messages_schema import MessageBody, ToolBody, ToolChoiceBody

MAX_ANSWERS = 16
StopText = Annotated[str, Field(min_length=1, max_length=1000)]


class StreamOptions(Body):
    """How a stream ends."""

    include_usage: bool | None = None


class JsonSchemaFormat(Body):
    """A JSON schema. `strict` false: what of it cannot be enforced is ignored instead of refused."""

    name: str | None = Field(None, max_length=256)
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None


class ResponseFormat(Body):
    """What the answer has to be: `schema` beside `json_object` is llama.cpp's way to say `json_schema`."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")

    @model_validator(mode="after")
    def _has_schema(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("needs json_schema")
        return self


SchemaField = Annotated[
    Annotated[str, Tag("text")] | Annotated[dict[str, Any], Tag("object")],
    either(text_or_object, "must be a JSON schema, as an object or as text"),
]


class GrammarBody(Body):
    """A grammar of any kind; a JSON schema is an object, or JSON as text."""

    type: Literal["lark", "regex", "json_schema"]
    value: SchemaField

    @model_validator(mode="after")
    def _fits_type(self) -> Self:
        if self.type != "json_schema" and not isinstance(self.value, str):
            raise ValueError("needs its value as text")
        return self


GrammarField = Annotated[
    Annotated[str, Tag("text")] | Annotated[GrammarBody, Tag("object")],
    either(text_or_object, "must be text or an object with type and value"),
]


class SamplingBody(TimedBody):
    """What chat completions and completions share: OpenAI's sampling fields and Spark's own."""

    model: str = Field(min_length=1, max_length=256, description="A model's id, a variant's id, or `auto`.")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2, description="0 takes the likeliest token.")
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1, le=MAX_INT, description="0 or -1: off.")
    min_p: float | None = Field(None, ge=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    repetition_penalty: float | None = Field(None, gt=0, le=10)
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = Field(None, max_length=4096)
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1)
    stop: (
        Annotated[
            Annotated[StopText, Tag("text")] | Annotated[list[StopText], Field(max_length=16), Tag("list")],
            either(text_or_list, "must be text or a list of texts"),
        ]
        | None
    ) = None
    n: int | None = Field(
        None, ge=1, le=MAX_ANSWERS, description="How many answers; the prompt is read once."
    )
    max_tokens: int | None = Field(None, ge=1, le=MAX_INT)
    min_tokens: int | None = Field(None, ge=0, le=MAX_INT)
    ignore_eos: bool | None = None
    response_format: ResponseFormat | None = None
    grammar: GrammarField | None = Field(None, description="Lark or GBNF as text, or an object.")
    guided_json: SchemaField | None = Field(None, description="As vLLM names it; also the next three.")
    guided_regex: str | None = Field(None, min_length=1)
    guided_grammar: str | None = Field(None, min_length=1)
    guided_choice: list[Annotated[str, Field(min_length=1)]] | None = Field(
        None, min_length=1, max_length=4096
    )
    priority: int | None = Field(None, ge=-1000, le=1000)
    truncation: Literal["auto", "disabled"] | None = Field(
        None,
        description="What becomes of a prompt that does not fit. `disabled` (default): it is refused. `auto`: oldest "
        "turns are dropped (system messages and all from the last user message on stay; of a raw prompt its beginning "
        "goes) until there is room for max_tokens, at most half of the context; without max_tokens for 1024 tokens, or "
        "a quarter of the context. `spark.truncation` of the reply counts what was dropped.",
    )
    user: str | None = None


class ChatCompletionRequest(SamplingBody):
    """A chat completion."""

    messages: list[MessageBody] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1, le=MAX_INT)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    tools: list[ToolBody] | None = Field(None, max_length=128)
    tool_choice: ToolChoiceBody | None = None
    parallel_tool_calls: bool | None = None


def _prompt_kind(value: Any) -> str | None:
    if not isinstance(value, list):
        return "text" if isinstance(value, str) else None
    first = value[0] if value else ""
    if isinstance(first, list):
        return "token lists"
    return "tokens" if isinstance(first, int) else "texts"


class CompletionRequest(SamplingBody):
    """A completion of raw text or tokens."""

    prompt: Annotated[
        Annotated[str, Tag("text")]
        | Annotated[list[str], Field(min_length=1, max_length=1), Tag("texts")]
        | Annotated[list[TokenId], Field(min_length=1), Tag("tokens")]
        | Annotated[
            list[Annotated[list[TokenId], Field(min_length=1)]],
            Field(min_length=1, max_length=1),
            Tag("token lists"),
        ],
        either(_prompt_kind, "must be text or token ids"),
    ]
    logprobs: int | None = Field(None, ge=0, le=20)
    max_tokens: int | None = Field(None, ge=0, le=MAX_INT)
    echo: bool | None = Field(
        None,
        description="Tell the prompt before what is new; with `logprobs` also the prompt's, and max_tokens 0.",
    )
    best_of: Literal[1] | None = None
    suffix: str | None = None
