"""What OpenAI's dialect accepts: request bodies with strict types and ranges."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

MAX_INT = 2**31 - 1
MAX_ANSWERS = 16
StopText = Annotated[str, Field(min_length=1, max_length=1000)]
TokenId = Annotated[int, Field(ge=0, le=MAX_INT)]


class Body(BaseModel):
    """Strict about the fields it knows; fields it does not know are ignored, as OpenAI's servers do."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, frozen=True)


def _text_or_list(value: Any) -> str | None:
    return "text" if isinstance(value, str) else "list" if isinstance(value, list) else None


def _text_or_object(value: Any) -> str | None:
    return "text" if isinstance(value, str) else "object" if isinstance(value, dict) else None


def _either(kind: Callable[[Any], str | None], demand: str) -> Discriminator:
    """Chooses the branch of a union; `demand` is what is said when there is none."""
    return Discriminator(kind, custom_error_type="spark_union", custom_error_message=demand)


class ContentPart(Body):
    """A part of a message's content; only text can be read so far."""

    type: str
    text: str | None = None

    @model_validator(mode="after")
    def _is_text(self) -> Self:
        if self.type not in ("text", "input_text", "output_text"):
            raise ValueError("must be a text part: these models read text only")
        if self.text is None:
            raise ValueError("needs its text")
        return self


Content = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[ContentPart], Tag("list")],
    _either(_text_or_list, "must be text or a list of parts"),
]


class FunctionBody(Body):
    """The called function; `arguments` is JSON as text."""

    name: str = Field(min_length=1, max_length=256)
    arguments: str = ""


class ToolCallBody(Body):
    """A call the assistant made earlier."""

    id: str = Field(min_length=1, max_length=256)
    type: Literal["function"] = "function"
    function: FunctionBody


class MessageBody(Body):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content | None = None
    name: str | None = Field(None, max_length=256)
    tool_calls: list[ToolCallBody] | None = None
    tool_call_id: str | None = Field(None, max_length=256)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.tool_calls and self.role != "assistant":
            raise ValueError("must not have tool_calls: only the assistant calls tools")
        if self.content is None and not self.tool_calls:
            raise ValueError("needs content")
        if self.role == "tool" and self.tool_call_id is None:
            raise ValueError("needs the tool_call_id that it answers")
        return self


class ToolFunctionBody(Body):
    """A function the model may call. `strict`: calls fit the schema exactly, or the request is refused."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_.-]+$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolBody(Body):
    """A tool the model may use."""

    type: Literal["function"]
    function: ToolFunctionBody


class NamedFunction(Body):
    """Which function."""

    name: str = Field(min_length=1, max_length=64)


class NamedTool(Body):
    """The one tool that has to be called."""

    type: Literal["function"]
    function: NamedFunction


def _word_or_tool(value: Any) -> str | None:
    return "word" if isinstance(value, str) else "tool" if isinstance(value, dict) else None


ToolChoiceBody = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("word")] | Annotated[NamedTool, Tag("tool")],
    _either(_word_or_tool, "must be none, auto, required or a named function"),
]


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
    _either(_text_or_object, "must be a JSON schema, as an object or as text"),
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
    _either(_text_or_object, "must be text or an object with type and value"),
]


class SamplingBody(Body):
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
            _either(_text_or_list, "must be text or a list of texts"),
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
        _either(_prompt_kind, "must be text or token ids"),
    ]
    logprobs: int | None = Field(None, ge=0, le=20)
    max_tokens: int | None = Field(None, ge=0, le=MAX_INT)
    echo: bool | None = Field(
        None,
        description="Tell the prompt before what is new; with `logprobs` also the prompt's, and max_tokens 0.",
    )
    best_of: Literal[1] | None = None
    suffix: str | None = None
