"""A generation: what is asked (request, sampling) and what comes back (events, usage, timings)."""

from typing import Literal

from msgspec import Struct

from spark_engine.types.chat import Prompt, ToolCallPiece, join_pieces

FinishReason = Literal["stop", "length", "tool_calls", "cancelled"]
TruncationPolicy = Literal["disabled", "auto"]
"""What becomes of a prompt that does not fit: it is refused, or its oldest part is left out."""


class SamplingOptions(Struct, frozen=True, omit_defaults=True):
    """How the next token is chosen. The same meaning for every model format.

    `temperature` 0 is greedy. `top_k` 0, `top_p` 1 and `min_p` 0 switch that filter off.
    `logprobs`: how many alternatives to report per token (0: only the chosen one, None: none).
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = {}
    seed: int | None = None
    logprobs: int | None = None


class StopRules(Struct, frozen=True, omit_defaults=True):
    """When a generation ends. `max_tokens` None: until the context is full."""

    max_tokens: int | None = None
    min_tokens: int = 0
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False


class JsonObjectGrammar(Struct, frozen=True, tag="json_object"):
    """Any JSON object."""

    param: str = "grammar"


class JsonSchemaGrammar(Struct, frozen=True, tag="json_schema"):
    """JSON that fits a schema, itself JSON as text. `strict` False: what cannot be enforced is ignored."""

    schema: str
    strict: bool = True
    param: str = "grammar"


class RegexGrammar(Struct, frozen=True, tag="regex"):
    """Text that a regular expression matches as a whole, in the syntax of Rust's `regex` crate."""

    pattern: str
    param: str = "grammar"


class LarkGrammar(Struct, frozen=True, tag="lark"):
    """Text of a context-free grammar, in Lark's or GBNF's syntax; its first rule is `start` or `root`."""

    source: str
    param: str = "grammar"


class ChoiceGrammar(Struct, frozen=True, tag="choice"):
    """One of these texts."""

    options: tuple[str, ...]
    param: str = "grammar"


Grammar = JsonObjectGrammar | JsonSchemaGrammar | RegexGrammar | LarkGrammar | ChoiceGrammar
"""What an answer has to be. `param` is the field of the request it came from, for refusals."""


class GenerationRequest(Struct, frozen=True):
    """One generation, as the engine accepts it and as the runner receives it.

    `model` is a model id, a variant id or `auto`; `client` says who asks (shown, never used to authorise).
    `priority`: lower goes first. `deadline_s`: seconds from acceptance after which the answer is of no use any more.
    `echo`: whether the prompt is told before the answer, with its log-probabilities where those are wanted.
    `grammar`: what the answer has to be; calls of the prompt's tools are possible beside it. `chosen`: why `model` was
    taken where the client left that to Spark.
    """

    id: str
    model: str
    prompt: Prompt
    sampling: SamplingOptions = SamplingOptions()
    stop: StopRules = StopRules()
    client: str = ""
    priority: int = 0
    deadline_s: float | None = None
    echo: bool = False
    grammar: Grammar | None = None
    truncation: TruncationPolicy = "disabled"
    chosen: str = ""


class TokenLogprob(Struct, frozen=True):
    """A token with the natural logarithm of its probability; `text` may be half a character."""

    token: int
    text: str
    logprob: float
    top: tuple["TokenLogprob", ...] = ()


class Usage(Struct, frozen=True):
    """Token counts of one generation."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class Timings(Struct, frozen=True):
    """Where the time of one generation went, in milliseconds.

    `prefill_ms` counts from a slot in the runner to the first token, `first_token_ms` from acceptance by the
    engine to the first token, `decode_ms` from the first token to the last.
    """

    queue_ms: float = 0.0
    load_ms: float = 0.0
    prefill_ms: float = 0.0
    first_token_ms: float = 0.0
    decode_ms: float = 0.0
    per_token_ms: float = 0.0
    tokens_per_second: float = 0.0


class Served(Struct, frozen=True):
    """What really ran: the variant (`spark-nano:onnx-int4`) and the device (`CPU`)."""

    model: str
    device: str


class Truncation(Struct, frozen=True):
    """What was left out of a prompt so that it fits; nothing, where the dropped ones are 0.

    `prompt_tokens_before` are those of the whole prompt, `prompt_tokens` those the model reads; `max_tokens`: how many
    the answer may have.
    """

    dropped_messages: int
    dropped_tokens: int
    prompt_tokens_before: int
    prompt_tokens: int
    max_tokens: int


class Started(Struct, frozen=True, tag="started"):
    """The prompt was accepted by the model; from here on everything is an event.

    `truncation`: what was left out of it, where the request allows that. `chosen`: why this model was taken (empty: the
    request named it).
    """

    served: Served
    prompt_tokens: int
    truncation: Truncation | None = None
    chosen: str = ""


class Delta(Struct, frozen=True, tag="delta", omit_defaults=True):
    """New text, or pieces of tool calls. One delta may hold several tokens when the reader is slower than the model."""

    text: str
    tokens: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    calls: tuple[ToolCallPiece, ...] = ()


class Finished(Struct, frozen=True, tag="finished"):
    """The end of a generation that worked (or that its client cancelled)."""

    reason: FinishReason
    usage: Usage
    timings: Timings
    served: Served


class Failed(Struct, frozen=True, tag="failed"):
    """The end of a generation that did not work; the fields are those of `errors.SparkError`."""

    code: str
    title: str
    message: str
    remedy: str = ""


GenerationEvent = Started | Delta | Finished | Failed


def merge_deltas(first: Delta, second: Delta) -> Delta:
    """Two deltas as one; the order of text, tokens, log-probabilities and calls is kept."""
    return Delta(
        first.text + second.text,
        first.tokens + second.tokens,
        first.logprobs + second.logprobs,
        join_pieces(first.calls + second.calls) if second.calls else first.calls,
    )
