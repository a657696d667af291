"""Reads the chunks of a streamed chat completion as generation events."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from spark_engine.client.failures import ErrorBody, lost
from spark_engine.errors import SparkError
from spark_engine.types.generation import (
    Delta,
    Failed,
    Finished,
    FinishReason,
    Served,
    Started,
    Timings,
    Truncation,
    Usage,
)

DONE = b"[DONE]"


class _Piece(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _Piece = msgspec.field(default_factory=_Piece)
    finish_reason: FinishReason | None = None


class _CachedTokens(Struct):
    cached_tokens: int = 0


class _Usage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _CachedTokens | None = None


class _Spark(Served, frozen=True):
    truncation: Truncation | None = None


class _Chunk(Struct):
    model: str = ""
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    timings: Timings | None = None
    spark: _Spark | None = None
    error: ErrorBody | None = None


class AnswerReader:
    """Puts one answer together: Started once, Delta for each text, Finished or Failed once at the end."""

    def __init__(self) -> None:
        self._started = False
        self._ended = False
        self._reason: FinishReason | None = None
        self._usage, self._timings, self._served = Usage(), Timings(), Served("", "")

    def read(self, payload: bytes) -> Iterator[Started | Delta | Finished | Failed]:
        """The events that one chunk stands for."""
        if self._ended:
            return
        if payload == DONE:
            yield self._end()
            return
        chunk = msgspec.json.decode(payload, type=_Chunk)
        if chunk.error is not None:
            self._ended = True
            yield _failed(chunk.error)
            return
        self._remember(chunk)
        if not self._started:
            self._started = True
            left_out = chunk.spark.truncation if chunk.spark else None
            yield Started(self._served, self._usage.prompt_tokens, left_out)
        yield from (Delta(c.delta.content) for c in chunk.choices if c.delta.content)

    def broken_off(self, error: SparkError | None = None) -> Iterator[Finished | Failed]:
        """What the end of the connection (by `error`) means: nothing after a whole answer, else its end."""
        if not self._ended:
            yield _broken(error) if error else self._end()

    def _end(self) -> Finished | Failed:
        self._ended = True
        if self._reason is None:
            return _broken(lost())
        return Finished(self._reason, self._usage, self._timings, self._served)

    def _remember(self, chunk: _Chunk) -> None:
        self._reason = next((c.finish_reason for c in chunk.choices if c.finish_reason), self._reason)
        self._usage = _usage(chunk.usage) if chunk.usage else self._usage
        self._timings = chunk.timings or self._timings
        if chunk.spark:
            self._served = Served(chunk.spark.model, chunk.spark.device)
        elif not self._served.model:
            self._served = Served(chunk.model, "")


def _broken(error: SparkError) -> Failed:
    return Failed(error.code, error.title, error.message, error.remedy)


def _usage(counts: _Usage) -> Usage:
    cached = counts.prompt_tokens_details.cached_tokens if counts.prompt_tokens_details else 0
    return Usage(counts.prompt_tokens, counts.completion_tokens, cached)


def _failed(error: ErrorBody) -> Failed:
    title = error.title or "The answer broke off"
    return Failed(error.code or "generation_failed", title, error.message, error.remedy)
