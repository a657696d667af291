"""Chunks of a chat completion become events: started once, text, one end."""

import json
from typing import Any

import msgspec

from spark_engine.client.answers import AnswerReader
from spark_engine.types.generation import (
    Delta,
    Failed,
    Finished,
    Served,
    Started,
    Timings,
    Truncation,
    Usage,
)

SERVED = {"model": "echo:plain", "device": "CPU"}
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 2,
    "total_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 3},
}


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": reason, "logprobs": None}]
    return json.dumps({"id": "c", "model": "echo:plain", "choices": choices, **more}).encode()


def read(*payloads: bytes) -> list[Started | Delta | Finished | Failed]:
    reader = AnswerReader()
    events = [event for payload in payloads for event in reader.read(payload)]
    return events + list(reader.broken_off())


FIRST = chunk({"role": "assistant", "content": ""}, spark=SERVED)
LAST = json.dumps(
    {"choices": [], "usage": USAGE, "timings": {"tokens_per_second": 12.5}, "spark": SERVED}
).encode()


def test_a_whole_answer() -> None:
    events = read(
        FIRST, chunk({"content": "He"}), chunk({"content": "y"}), chunk(reason="stop"), LAST, b"[DONE]"
    )
    served = Served("echo:plain", "CPU")
    assert events == [
        Started(served, 0),
        Delta("He"),
        Delta("y"),
        Finished("stop", Usage(5, 2, 3), Timings(tokens_per_second=12.5), served),
    ]


def test_figures_in_the_chunk_with_the_reason() -> None:
    end = read(FIRST, chunk(reason="length", usage=USAGE, spark=SERVED))[-1]
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.completion_tokens) == ("length", 2)


def test_an_error_ends_the_answer_once() -> None:
    error = {"error": {"code": "runner_crashed", "title": "It crashed", "message": "Why", "remedy": "Again"}}
    events = read(
        FIRST, chunk({"content": "a"}), json.dumps(error).encode(), b"[DONE]", chunk({"content": "b"})
    )
    assert events[1:] == [Delta("a"), Failed("runner_crashed", "It crashed", "Why", "Again")]


def test_an_answer_that_breaks_off_failed() -> None:
    end = read(FIRST, chunk({"content": "a"}))[-1]
    assert isinstance(end, Failed)
    assert end.code == "connection_lost"
    assert end.remedy


def test_an_end_without_a_reason_is_no_end() -> None:
    assert isinstance(read(FIRST, b"[DONE]")[-1], Failed)


def test_unknown_fields_of_a_later_engine_do_no_harm() -> None:
    assert read(chunk({"content": "x", "mood": "good"}, later=[1]))[1] == Delta("x")


def test_what_was_left_out_of_the_prompt() -> None:
    left_out = Truncation(2, 40, 90, 50, 9)
    spark = SERVED | {"truncation": msgspec.to_builtins(left_out)}
    events = read(chunk({"role": "assistant", "content": ""}, spark=spark), chunk(reason="stop", spark=spark))
    assert events[0] == Started(Served("echo:plain", "CPU"), 0, left_out)
    assert isinstance(events[-1], Finished)
    assert type(events[-1].served) is Served
