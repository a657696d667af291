"""What OpenAI's dialect answers: the exact JSON shapes, with Spark's timings beside OpenAI's usage."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from spark_engine.types.generation import FinishReason, Timings, Truncation


class ModelObject(Struct, frozen=True, tag_field="object", tag="model"):
    """A model or a variant that requests may name."""

    id: str
    created: int
    owned_by: str = "spark"


class ModelList(Struct, frozen=True, tag_field="object", tag="list"):
    """Everything requests may name."""

    data: tuple[ModelObject, ...]


class PromptTokensDetails(Struct, frozen=True):
    """How many tokens of the prompt were not computed anew."""

    cached_tokens: int


class CompletionUsage(Struct, frozen=True):
    """Token counts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails


class SparkDetails(Struct, frozen=True):
    """What really ran (variant and device), what was left out of the prompt where `truncation` allows that, and why
    this model was `chosen` where the request asked for `auto`."""

    model: str
    device: str
    chosen: str | UnsetType = UNSET
    truncation: Truncation | UnsetType = UNSET


class TopLogprob(Struct, frozen=True):
    """A token that could have been chosen."""

    token: str
    logprob: float
    bytes: tuple[int, ...]


class TokenLogprobObject(Struct, frozen=True):
    """A chosen token, its log-probability, and the likeliest ones at its place."""

    token: str
    logprob: float
    bytes: tuple[int, ...]
    top_logprobs: tuple[TopLogprob, ...]


class ChatLogprobs(Struct, frozen=True):
    """Log-probabilities of the content's tokens."""

    content: tuple[TokenLogprobObject, ...]


class FunctionCall(Struct, frozen=True):
    """The function the model calls; `arguments` is JSON as text."""

    name: str
    arguments: str


class ToolCallObject(Struct, frozen=True):
    """One call."""

    id: str
    function: FunctionCall
    type: Literal["function"] = "function"


class FunctionCallPiece(Struct, frozen=True):
    """What a chunk adds to a call; the name comes with the first."""

    arguments: str
    name: str | UnsetType = UNSET


class ToolCallPieceObject(Struct, frozen=True):
    """A part of the call number `index`; id and type come with the first."""

    index: int
    function: FunctionCallPiece
    id: str | UnsetType = UNSET
    type: Literal["function"] | UnsetType = UNSET


class AssistantMessage(Struct, frozen=True):
    """The answer."""

    content: str | None
    role: Literal["assistant"] = "assistant"
    refusal: str | None = None
    tool_calls: tuple[ToolCallObject, ...] | UnsetType = UNSET


class ChatChoice(Struct, frozen=True):
    """One answer of a chat completion."""

    message: AssistantMessage
    finish_reason: FinishReason
    logprobs: ChatLogprobs | None = None
    index: int = 0


class ChatCompletion(Struct, frozen=True, tag_field="object", tag="chat.completion"):
    """A whole chat completion."""

    id: str
    created: int
    model: str
    choices: tuple[ChatChoice, ...]
    usage: CompletionUsage
    timings: Timings
    spark: SparkDetails


class ChatDelta(Struct, frozen=True):
    """What a chunk adds to the answer."""

    role: Literal["assistant"] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    tool_calls: tuple[ToolCallPieceObject, ...] | UnsetType = UNSET


class ChatChunkChoice(Struct, frozen=True):
    """An answer's part in a chunk."""

    delta: ChatDelta
    finish_reason: FinishReason | None = None
    logprobs: ChatLogprobs | None = None
    index: int = 0


class ChatCompletionChunk(Struct, frozen=True, tag_field="object", tag="chat.completion.chunk"):
    """One event of a streamed chat completion; the last ones carry usage and timings."""

    id: str
    created: int
    model: str
    choices: tuple[ChatChunkChoice, ...]
    usage: CompletionUsage | UnsetType = UNSET
    timings: Timings | UnsetType = UNSET
    spark: SparkDetails | UnsetType = UNSET


class TextLogprobs(Struct, frozen=True):
    """Log-probabilities in the older form: parallel lists. Of an echoed prompt's first token nothing is known."""

    tokens: tuple[str, ...]
    token_logprobs: tuple[float | None, ...]
    top_logprobs: tuple[dict[str, float] | None, ...]
    text_offset: tuple[int, ...]


class TextChoice(Struct, frozen=True):
    """One continuation of a completion, or a part of it in a chunk."""

    text: str
    finish_reason: FinishReason | None = None
    logprobs: TextLogprobs | None = None
    index: int = 0


class TextCompletion(Struct, frozen=True, tag_field="object", tag="text_completion"):
    """A whole completion, or one event of a streamed one; the last ones carry usage and timings."""

    id: str
    created: int
    model: str
    choices: tuple[TextChoice, ...]
    usage: CompletionUsage | UnsetType = UNSET
    timings: Timings | UnsetType = UNSET
    spark: SparkDetails | UnsetType = UNSET


STRUCTS = (ModelObject, ModelList, ChatCompletion, ChatCompletionChunk, TextCompletion)
