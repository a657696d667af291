"""Chunks made from a template are exactly what encoding the whole chunk would give."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion
from openai.types.chat import ChatCompletionChunk as TheirChunk

from spark_engine.api.answers import Answer
from spark_engine.api.openai.render import ChatChunks, TextChunks, chat_completion, text_completion
from spark_engine.api.openai.replies import (
    ChatChunkChoice,
    ChatCompletionChunk,
    ChatDelta,
    TextChoice,
    TextCompletion,
)
from spark_engine.types.generation import Delta, Finished, Served, Timings, TokenLogprob, Usage

SERVED = Served("m:v", "CPU")
END = Finished("stop", Usage(3, 2, 1), Timings(), SERVED)


def data(event: bytes) -> Any:
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    return json.loads(event[6:])


@given(st.text(min_size=1))
def test_a_chat_chunk_from_the_template_is_the_whole_chunk(text: str) -> None:
    chunks = ChatChunks("id", SERVED, wants_usage=False, reads_calls=False)
    made = chunks.delta(Delta(text, (1,)))
    created = data(made)["created"]
    whole = ChatCompletionChunk("id", created, "m:v", (ChatChunkChoice(ChatDelta(content=text)),))
    assert made == b"data: " + msgspec.json.encode(whole) + b"\n\n"
    assert made.count(b"\n") == 2, "no line break may end the event early"


@given(st.text(min_size=1))
def test_a_text_chunk_from_the_template_is_the_whole_chunk(text: str) -> None:
    made = TextChunks("id", SERVED, wants_usage=False).delta(Delta(text, (1,)))
    whole = TextCompletion("id", data(made)["created"], "m:v", (TextChoice(text),))
    assert made == b"data: " + msgspec.json.encode(whole) + b"\n\n"


def test_a_delta_without_text_tells_nothing() -> None:
    assert ChatChunks("id", SERVED, wants_usage=False, reads_calls=False).delta(Delta("", (1,))) == b""
    assert TextChunks("id", SERVED, wants_usage=False).delta(Delta("", (1,))) == b""


def test_the_client_s_own_types_take_every_chunk() -> None:
    chunks = ChatChunks("id", SERVED, wants_usage=False, reads_calls=True)
    calling = Delta('<|tool_call|>[{"name":"f","arguments":{}}]', (1,))
    events = [chunks.first(), chunks.delta(Delta("x", (1,)))]
    assert chunks.delta(calling) == b""
    events += [e + b"\n\n" for e in chunks.finish(END).split(b"\n\n") if e]
    parsed = [TheirChunk.model_validate(data(e)) for e in events]
    calls = parsed[2].choices[0].delta.tool_calls
    assert calls is not None
    assert calls[0].function is not None
    assert calls[0].function.name == "f"
    assert parsed[-1].choices[0].finish_reason == "tool_calls"
    Completion.model_validate(data(TextChunks("id", SERVED, wants_usage=False).finish(END)))


def test_offsets_of_text_tokens_go_on_from_chunk_to_chunk() -> None:
    chunks = TextChunks("id", SERVED, wants_usage=False)
    offsets = [
        data(chunks.delta(Delta(text, (1,), (TokenLogprob(1, text, -1.0),))))["choices"][0]["logprobs"][
            "text_offset"
        ]
        for text in ("ab", "cde", "f")
    ]
    assert offsets == [[0], [2], [5]]


def test_a_call_that_cannot_be_read_stays_text() -> None:
    answer = Answer("<|tool_call|>not json", (), END)
    whole = json.loads(msgspec.json.encode(chat_completion("id", answer, reads_calls=True)))
    assert whole["choices"][0]["message"]["content"] == "<|tool_call|>not json"
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert "tool_calls" not in whole["choices"][0]["message"]


def test_whole_answers_carry_usage_timings_and_what_ran() -> None:
    answer = Answer("hi", (), END)
    for reply in (chat_completion("id", answer, reads_calls=False), text_completion("id", answer)):
        told = json.loads(msgspec.json.encode(reply))
        assert told["usage"]["total_tokens"] == 5
        assert told["spark"] == {"model": "m:v", "device": "CPU"}
        assert set(told["timings"]) == set(Timings.__struct_fields__)
