"""Reads a generation to its end, for every dialect's replies that are not streamed."""

from msgspec import Struct

from spark_engine.engine.interface import GenerationStream
from spark_engine.errors import SparkError, TimedOut, Unavailable
from spark_engine.types.chat import ToolCall, ToolCallPiece, whole_calls
from spark_engine.types.generation import Delta, Failed, Finished, TokenLogprob

_FAMILIES: dict[str, type[SparkError]] = {"internal_error": SparkError, "deadline_exceeded": TimedOut}


class Answer(Struct, frozen=True):
    """A whole answer and how it ended."""

    text: str
    logprobs: tuple[TokenLogprob, ...]
    end: Finished
    calls: tuple[ToolCall, ...] = ()


async def collect(stream: GenerationStream) -> Answer:
    """Everything a stream gives, and close it; `SparkError` when the generation fails."""
    texts: list[str] = []
    logprobs: list[TokenLogprob] = []
    pieces: list[ToolCallPiece] = []
    try:
        async for event in stream:
            match event:
                case Delta(text, _, more, calls):
                    texts.append(text)
                    logprobs += more
                    pieces += calls
                case Finished():
                    return Answer("".join(texts), tuple(logprobs), event, whole_calls(pieces))
                case Failed():
                    raise failure(event)
    finally:
        await stream.aclose()
    raise RuntimeError("a generation ended without saying how")


def failure(event: Failed) -> SparkError:
    """A failed generation as the error that a reply tells."""
    return _FAMILIES.get(event.code, Unavailable)(event.code, event.title, event.message, event.remedy)
