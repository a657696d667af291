"""OpenAI's request bodies as Spark's own generation requests."""

from typing import Any

from msgspec.structs import replace

from spark_engine.api.openai.grammars import check_json, grammar_of, wrong
from spark_engine.api.openai.messages_schema import Content, MessageBody, NamedTool, ToolBody
from spark_engine.api.openai.schema import ChatCompletionRequest, CompletionRequest, SamplingBody
from spark_engine.errors import InvalidRequest
from spark_engine.types.chat import (
    ChatMessage,
    ChatPrompt,
    Prompt,
    Role,
    TextPrompt,
    TokensPrompt,
    Tool,
    ToolCall,
    ToolChoice,
)
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules
from spark_engine.types.ids import fresh_id

COMPLETION_MAX_TOKENS = 16
"""OpenAI's default for completions; a chat answer may fill the context."""
_SAMPLING = (
    "temperature",
    "top_p",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "seed",
)


def chat_request(body: ChatCompletionRequest, advised: SamplingOptions, client: str) -> GenerationRequest:
    """A chat completion. `advised` stands where the body says nothing; raises InvalidRequest."""
    if body.top_logprobs is not None and not body.logprobs:
        raise wrong("top_logprobs", "needs logprobs: true")
    prompt = ChatPrompt(tuple(map(_message, body.messages)), _tools(body), _tool_choice(body))
    logprobs = (body.top_logprobs or 0) if body.logprobs else None
    max_tokens = body.max_completion_tokens or body.max_tokens
    return _request("chatcmpl", body, prompt, _sampling(body, advised, logprobs), max_tokens, client)


def completion_request(body: CompletionRequest, advised: SamplingOptions, client: str) -> GenerationRequest:
    """A completion. `advised` stands where the body says nothing; raises InvalidRequest."""
    if body.suffix:
        raise _unsupported("suffix", "Spark continues the prompt and returns what is new")
    sampling = _sampling(body, advised, body.logprobs)
    max_tokens = COMPLETION_MAX_TOKENS if body.max_tokens is None else body.max_tokens
    request = _request("cmpl", body, _raw_prompt(body), sampling, max_tokens, client)
    return replace(request, echo=bool(body.echo))


def _request(
    prefix: str,
    body: SamplingBody,
    prompt: Prompt,
    sampling: SamplingOptions,
    max_tokens: int | None,
    client: str,
) -> GenerationRequest:
    min_tokens = body.min_tokens or 0
    if max_tokens is not None and min_tokens > max_tokens:
        raise wrong("min_tokens", "must not be larger than max_tokens")
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    rules = StopRules(max_tokens, min_tokens, stop, bool(body.ignore_eos))
    return GenerationRequest(
        fresh_id(prefix),
        body.model,
        prompt,
        sampling,
        rules,
        client,
        body.priority or 0,
        body.deadline_s,
        grammar=grammar_of(body),
        truncation=body.truncation or "disabled",
    )


def _sampling(body: SamplingBody, advised: SamplingOptions, logprobs: int | None) -> SamplingOptions:
    given: dict[str, Any] = {name: getattr(body, name) for name in _SAMPLING}
    if body.top_k is not None:
        given["top_k"] = max(0, body.top_k)
    if body.logit_bias is not None:
        given["logit_bias"] = _logit_bias(body.logit_bias)
    said = {name: value for name, value in given.items() if value is not None}
    return replace(advised, **said, logprobs=logprobs)


def _logit_bias(given: dict[str, float]) -> dict[int, float]:
    if not all(key.isascii() and key.isdigit() and len(key) <= 9 for key in given):
        raise wrong("logit_bias", "must have token ids as keys")
    return {int(key): bias for key, bias in given.items()}


def _raw_prompt(body: CompletionRequest) -> Prompt:
    prompt = body.prompt
    if isinstance(prompt, str):
        return TextPrompt(prompt)
    first = prompt[0]
    if isinstance(first, str):
        return TextPrompt(first)
    tokens = first if isinstance(first, list) else [t for t in prompt if isinstance(t, int)]
    return TokensPrompt(tuple(tokens))


def _message(body: MessageBody) -> ChatMessage:
    role: Role = "system" if body.role == "developer" else body.role
    calls = tuple(ToolCall(c.id, c.function.name, c.function.arguments) for c in body.tool_calls or ())
    return ChatMessage(role, _text(body.content), body.name, calls, body.tool_call_id)


def _text(content: Content | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text or "" for part in content)


def _tools(body: ChatCompletionRequest) -> tuple[Tool, ...]:
    if body.tool_choice == "none":
        return ()
    return tuple(_tool(tool, place) for place, tool in enumerate(body.tools or ()))


def _tool(body: ToolBody, place: int) -> Tool:
    function = body.function
    parameters = function.parameters or {}
    check_json(parameters, f"tools[{place}].function.parameters")
    return Tool(function.name, function.description or "", parameters, function.strict)


def _tool_choice(body: ChatCompletionRequest) -> ToolChoice:
    choice, parallel = body.tool_choice, body.parallel_tool_calls is not False
    if not isinstance(choice, NamedTool) and choice != "required":
        return ToolChoice(parallel=parallel)
    names = [tool.function.name for tool in body.tools or ()]
    if not names:
        raise wrong("tool_choice", "needs tools to choose from")
    if not isinstance(choice, NamedTool):
        return ToolChoice(required=True, parallel=parallel)
    if choice.function.name not in names:
        raise wrong("tool_choice", "names a function that is not among the tools")
    return ToolChoice(name=choice.function.name, parallel=parallel)


def _unsupported(param: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        "unsupported_parameter",
        "Not supported yet",
        f"{param} cannot be honoured: {reason}.",
        f"Leave {param} out.",
        param=param,
    )
