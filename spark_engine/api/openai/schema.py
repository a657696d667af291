"""What OpenAI's dialect accepts: request bodies with strict types and ranges."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

MAX_INT = 2**31 - 1
StopText = Annotated[str, Field(min_length=1, max_length=1000)]
TokenId = Annotated[int, Field(ge=0, le=MAX_INT)]


class Body(BaseModel):
    """Strict about the fields it knows; fields it does not know are ignored, as OpenAI's servers do."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, frozen=True)


def _text_or_list(value: Any) -> str | None:
    return "text" if isinstance(value, str) else "list" if isinstance(value, list) else None


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
    """A function the model may call."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_.-]+$")
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolBody(Body):
    """A tool the model may use."""

    type: Literal["function"]
    function: ToolFunctionBody


class StreamOptions(Body):
    """How a stream ends."""

    include_usage: bool | None = None


class ResponseFormat(Body):
    """Only `text` so far."""

    type: str


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
    n: Literal[1] | None = Field(None, description="One answer per request.")
    max_tokens: int | None = Field(None, ge=1, le=MAX_INT)
    min_tokens: int | None = Field(None, ge=0, le=MAX_INT)
    ignore_eos: bool | None = None
    priority: int | None = Field(None, ge=-1000, le=1000)
    user: str | None = None


class ChatCompletionRequest(SamplingBody):
    """A chat completion."""

    messages: list[MessageBody] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1, le=MAX_INT)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    tools: list[ToolBody] | None = Field(None, max_length=128)
    tool_choice: str | dict[str, Any] | None = None
    response_format: ResponseFormat | None = None


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
    echo: bool | None = None
    best_of: Literal[1] | None = None
    suffix: str | None = None
