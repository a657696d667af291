"""Generations in OpenAI's shapes: whole answers, and chunks from a template, a few microseconds each."""

import time
from typing import Protocol, TypeVar

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from spark_engine.api.answers import Answer
from spark_engine.api.openai.replies import (
    AssistantMessage,
    ChatChoice,
    ChatChunkChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatDelta,
    ChatLogprobs,
    CompletionUsage,
    FunctionCall,
    PromptTokensDetails,
    TextChoice,
    TextCompletion,
    TextLogprobs,
    TokenLogprobObject,
    ToolCallObject,
    TopLogprob,
)
from spark_engine.api.sse import sse
from spark_engine.api.tool_calls import ToolCallReader
from spark_engine.types.chat import ToolCall
from spark_engine.types.generation import Delta, Finished, FinishReason, Served, TokenLogprob, Usage

LOWEST_LOGPROB = -9999.0
"""Stands for impossible tokens, whose logarithm JSON cannot hold."""
_MARK = "\x00"
_T = TypeVar("_T", ChatCompletionChunk, TextCompletion)
_encode = msgspec.json.encode


class Chunks(Protocol):
    """How a dialect writes a stream: ready-made events."""

    def first(self) -> bytes:
        """Before the first text; may be empty."""

    def delta(self, event: Delta) -> bytes:
        """New text; empty when there is nothing to tell yet."""

    def finish(self, event: Finished) -> bytes:
        """The end of a generation that worked."""


class ChatChunks:
    """The chunks of one chat completion. `reads_calls`: look for tool calls in the text."""

    def __init__(self, id: str, served: Served, *, wants_usage: bool, reads_calls: bool) -> None:
        self._chunk = ChatCompletionChunk(id, int(time.time()), served.model, ())
        self._served, self._wants_usage = served, wants_usage
        self._calls = ToolCallReader() if reads_calls else None
        marked = self._with(ChatDelta(content=_MARK))
        self._before, self._after = _template(marked)

    def first(self) -> bytes:
        """The role, and what runs the request."""
        choice = ChatChunkChoice(ChatDelta(role="assistant", content=""))
        return sse(_encode(replace(self._chunk, choices=(choice,), spark=self._served)))

    def delta(self, event: Delta) -> bytes:
        """New text, or log-probabilities, or nothing."""
        text = event.text if self._calls is None else self._calls.feed(event.text)
        if event.logprobs:
            logprobs = ChatLogprobs(_chat_logprobs(event.logprobs))
            return sse(_encode(self._with(ChatDelta(content=text), logprobs=logprobs)))
        return self._before + _encode(text) + self._after if text else b""

    def finish(self, event: Finished) -> bytes:
        """Held-back text, tool calls, the reason; usage and timings in the last of these chunks."""
        text, calls = self._calls.finish() if self._calls else ("", ())
        told = self._before + _encode(text) + self._after if text else b""
        if calls:
            told += sse(_encode(self._with(ChatDelta(tool_calls=_call_objects(calls, indexed=True)))))
        last = self._with(ChatDelta(), reason=_reason(event.reason, calls))
        if not self._wants_usage:
            return told + sse(_encode(_with_figures(last, event)))
        return told + sse(_encode(last)) + sse(_encode(_with_figures(replace(last, choices=()), event)))

    def _with(
        self, delta: ChatDelta, *, reason: FinishReason | None = None, logprobs: ChatLogprobs | None = None
    ) -> ChatCompletionChunk:
        return replace(self._chunk, choices=(ChatChunkChoice(delta, reason, logprobs),))


class TextChunks:
    """The chunks of one completion."""

    def __init__(self, id: str, served: Served, *, wants_usage: bool) -> None:
        self._chunk = TextCompletion(id, int(time.time()), served.model, ())
        self._wants_usage = wants_usage
        self._offset = 0
        self._before, self._after = _template(replace(self._chunk, choices=(TextChoice(_MARK),)))

    def first(self) -> bytes:
        """Nothing: a completion has no role to tell."""
        return b""

    def delta(self, event: Delta) -> bytes:
        """New text, or log-probabilities, or nothing."""
        if event.logprobs:
            logprobs = _text_logprobs(event.logprobs, self._offset)
            self._offset += sum(len(t.text) for t in event.logprobs)
            return sse(_encode(replace(self._chunk, choices=(TextChoice(event.text, None, logprobs),))))
        return self._before + _encode(event.text) + self._after if event.text else b""

    def finish(self, event: Finished) -> bytes:
        """The reason; usage and timings in the last chunk."""
        last = replace(self._chunk, choices=(TextChoice("", event.reason),))
        if not self._wants_usage:
            return sse(_encode(_with_figures(last, event)))
        return sse(_encode(last)) + sse(_encode(_with_figures(replace(last, choices=()), event)))


def chat_completion(id: str, answer: Answer, *, reads_calls: bool) -> ChatCompletion:
    """A whole chat completion."""
    text, calls = _split_calls(answer.text) if reads_calls else (answer.text, ())
    message = AssistantMessage(text)
    if calls:
        message = AssistantMessage(text or None, tool_calls=_call_objects(calls))
    logprobs = ChatLogprobs(_chat_logprobs(answer.logprobs)) if answer.logprobs else None
    choice = ChatChoice(message, _reason(answer.end.reason, calls), logprobs)
    end = answer.end
    return ChatCompletion(
        id, int(time.time()), end.served.model, (choice,), usage(end.usage), end.timings, end.served
    )


def text_completion(id: str, answer: Answer) -> TextCompletion:
    """A whole completion."""
    end = answer.end
    logprobs = _text_logprobs(answer.logprobs, 0) if answer.logprobs else None
    choice = TextChoice(answer.text, end.reason, logprobs)
    return _with_figures(TextCompletion(id, int(time.time()), end.served.model, (choice,)), end)


def usage(counts: Usage) -> CompletionUsage:
    """Token counts in OpenAI's words."""
    total = counts.prompt_tokens + counts.completion_tokens
    cached = PromptTokensDetails(counts.cached_tokens)
    return CompletionUsage(counts.prompt_tokens, counts.completion_tokens, total, cached)


def _with_figures(chunk: _T, end: Finished) -> _T:
    return replace(chunk, usage=usage(end.usage), timings=end.timings, spark=end.served)


def _template(chunk: Struct) -> tuple[bytes, bytes]:
    """The event of a chunk with marked text, as what stands before and after the text."""
    before, _, after = sse(_encode(chunk)).partition(_encode(_MARK))
    return before, after


def _reason(reason: FinishReason, calls: tuple[ToolCall, ...]) -> FinishReason:
    return "tool_calls" if calls and reason == "stop" else reason


def _split_calls(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    reader = ToolCallReader()
    plain = reader.feed(text)
    rest, calls = reader.finish()
    return plain + rest, calls


def _call_objects(calls: tuple[ToolCall, ...], *, indexed: bool = False) -> tuple[ToolCallObject, ...]:
    return tuple(
        ToolCallObject(c.id, FunctionCall(c.name, c.arguments), index=n if indexed else UNSET)
        for n, c in enumerate(calls)
    )


def _chat_logprobs(tokens: tuple[TokenLogprob, ...]) -> tuple[TokenLogprobObject, ...]:
    return tuple(
        TokenLogprobObject(t.text, _finite(t.logprob), _bytes(t), tuple(map(_alternative, t.top)))
        for t in tokens
    )


def _alternative(token: TokenLogprob) -> TopLogprob:
    return TopLogprob(token.text, _finite(token.logprob), _bytes(token))


def _text_logprobs(tokens: tuple[TokenLogprob, ...], offset: int) -> TextLogprobs:
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.text)
    return TextLogprobs(
        tuple(t.text for t in tokens),
        tuple(_finite(t.logprob) for t in tokens),
        tuple({a.text: _finite(a.logprob) for a in t.top} for t in tokens),
        tuple(offsets),
    )


def _bytes(token: TokenLogprob) -> tuple[int, ...]:
    return tuple(token.text.encode())


def _finite(logprob: float) -> float:
    return max(logprob, LOWEST_LOGPROB)
