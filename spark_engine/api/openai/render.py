"""Generations in OpenAI's shapes: whole answers, and chunks from a template, a few microseconds each."""

import time
from collections.abc import Sequence
from math import isnan
from typing import Protocol, TypeVar

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from spark_engine.api.answers import Answer
from spark_engine.api.branches import together
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
    FunctionCallPiece,
    PromptTokensDetails,
    SparkDetails,
    TextChoice,
    TextCompletion,
    TextLogprobs,
    TokenLogprobObject,
    ToolCallObject,
    ToolCallPieceObject,
    TopLogprob,
)
from spark_engine.api.sse import sse
from spark_engine.types.chat import ToolCall, ToolCallPiece
from spark_engine.types.generation import Delta, Finished, FinishReason, Started, TokenLogprob, Usage

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

    def finish(self, event: Finished, all: Finished | None) -> bytes:
        """The end of a generation that worked; with the figures of `all` when it is the last of its request."""


class ChatChunks:
    """The chunks of one answer of a chat completion; `index` is its number."""

    def __init__(self, id: str, started: Started, *, wants_usage: bool, index: int = 0) -> None:
        self._chunk = ChatCompletionChunk(id, int(time.time()), started.served.model, ())
        self._spark, self._wants_usage, self._index = _details(started), wants_usage, index
        marked = self._with(ChatDelta(content=_MARK))
        self._before, self._after = _template(marked)

    def first(self) -> bytes:
        """The role, what runs the request, and what was left out of its prompt."""
        first = self._with(ChatDelta(role="assistant", content=""))
        return sse(_encode(replace(first, spark=self._spark)))

    def delta(self, event: Delta) -> bytes:
        """New text, log-probabilities and pieces of calls, or nothing."""
        told = b""
        if event.logprobs:
            logprobs = ChatLogprobs(_chat_logprobs(event.logprobs))
            told = sse(_encode(self._with(ChatDelta(content=event.text), logprobs=logprobs)))
        elif event.text:
            told = self._before + _encode(event.text) + self._after
        if event.calls:
            told += sse(_encode(self._with(ChatDelta(tool_calls=tuple(map(_piece, event.calls))))))
        return told

    def finish(self, event: Finished, all: Finished | None) -> bytes:
        """The reason; usage and timings of all in the last chunk of a request."""
        end = self._with(ChatDelta(), reason=event.reason)
        return _last(end, all, self._spark, alone=self._wants_usage)

    def _with(
        self, delta: ChatDelta, *, reason: FinishReason | None = None, logprobs: ChatLogprobs | None = None
    ) -> ChatCompletionChunk:
        return replace(self._chunk, choices=(ChatChunkChoice(delta, reason, logprobs, self._index),))


class TextChunks:
    """The chunks of one continuation of a completion; `index` is its number."""

    def __init__(self, id: str, started: Started, *, wants_usage: bool, index: int = 0) -> None:
        self._chunk = TextCompletion(id, int(time.time()), started.served.model, ())
        self._spark, self._wants_usage, self._index = _details(started), wants_usage, index
        self._offset = 0
        self._before, self._after = _template(self._with(_MARK))

    def first(self) -> bytes:
        """Nothing: a completion has no role to tell."""
        return b""

    def delta(self, event: Delta) -> bytes:
        """New text, or log-probabilities, or nothing."""
        if event.logprobs:
            logprobs = _text_logprobs(event.logprobs, self._offset)
            self._offset += sum(len(t.text) for t in event.logprobs)
            return sse(_encode(self._with(event.text, logprobs=logprobs)))
        return self._before + _encode(event.text) + self._after if event.text else b""

    def finish(self, event: Finished, all: Finished | None) -> bytes:
        """The reason; usage and timings of all in the last chunk of a request."""
        return _last(self._with("", reason=event.reason), all, self._spark, alone=self._wants_usage)

    def _with(
        self, text: str, *, reason: FinishReason | None = None, logprobs: TextLogprobs | None = None
    ) -> TextCompletion:
        return replace(self._chunk, choices=(TextChoice(text, reason, logprobs, self._index),))


def chat_completion(id: str, started: Started, answers: Sequence[Answer]) -> ChatCompletion:
    """A whole chat completion."""
    end, spark = together([answer.end for answer in answers]), _details(started)
    choices = tuple(_chat_choice(answer, index) for index, answer in enumerate(answers))
    return ChatCompletion(id, int(time.time()), spark.model, choices, usage(end.usage), end.timings, spark)


def _chat_choice(answer: Answer, index: int) -> ChatChoice:
    message = AssistantMessage(answer.text)
    if answer.calls:
        message = AssistantMessage(answer.text or None, tool_calls=tuple(map(_call, answer.calls)))
    logprobs = ChatLogprobs(_chat_logprobs(answer.logprobs)) if answer.logprobs else None
    return ChatChoice(message, answer.end.reason, logprobs, index)


def text_completion(id: str, started: Started, answers: Sequence[Answer]) -> TextCompletion:
    """A whole completion."""
    end, spark = together([answer.end for answer in answers]), _details(started)
    choices = tuple(_text_choice(answer, index) for index, answer in enumerate(answers))
    return _with_figures(TextCompletion(id, int(time.time()), spark.model, choices), end, spark)


def _text_choice(answer: Answer, index: int) -> TextChoice:
    logprobs = _text_logprobs(answer.logprobs, 0) if answer.logprobs else None
    return TextChoice(answer.text, answer.end.reason, logprobs, index)


def usage(counts: Usage) -> CompletionUsage:
    """Token counts in OpenAI's words."""
    total = counts.prompt_tokens + counts.completion_tokens
    cached = PromptTokensDetails(counts.cached_tokens)
    return CompletionUsage(counts.prompt_tokens, counts.completion_tokens, total, cached)


def _details(started: Started) -> SparkDetails:
    served = started.served
    return SparkDetails(served.model, served.device, started.chosen or UNSET, started.truncation or UNSET)


def _with_figures(chunk: _T, end: Finished, spark: SparkDetails) -> _T:
    return replace(chunk, usage=usage(end.usage), timings=end.timings, spark=spark)


def _template(chunk: Struct) -> tuple[bytes, bytes]:
    """The event of a chunk with marked text, as what stands before and after the text."""
    before, _, after = sse(_encode(chunk)).partition(_encode(_MARK))
    return before, after


def _last(chunk: _T, all: Finished | None, spark: SparkDetails, *, alone: bool) -> bytes:
    """A chunk that ends an answer, and the figures of all: in it, or `alone` in one of their own without choices."""
    if all is None:
        return sse(_encode(chunk))
    if not alone:
        return sse(_encode(_with_figures(chunk, all, spark)))
    return sse(_encode(chunk)) + sse(_encode(_with_figures(replace(chunk, choices=()), all, spark)))


def _call(call: ToolCall) -> ToolCallObject:
    return ToolCallObject(call.id, FunctionCall(call.name, call.arguments))


def _piece(piece: ToolCallPiece) -> ToolCallPieceObject:
    if not piece.id:
        return ToolCallPieceObject(piece.index, FunctionCallPiece(piece.arguments))
    function = FunctionCallPiece(piece.arguments, piece.name)
    return ToolCallPieceObject(piece.index, function, piece.id, "function")


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
        tuple(None if isnan(t.logprob) else _finite(t.logprob) for t in tokens),
        tuple(None if isnan(t.logprob) else {a.text: _finite(a.logprob) for a in t.top} for t in tokens),
        tuple(offsets),
    )


def _bytes(token: TokenLogprob) -> tuple[int, ...]:
    return tuple(token.text.encode())


def _finite(logprob: float) -> float:
    return max(logprob, LOWEST_LOGPROB)
