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
from spark_engine.types.chat import ToolCall, ToolCallPiece
from spark_engine.types.generation import (
    Delta,
    Finished,
    Served,
    Started,
    Timings,
    TokenLogprob,
    Truncation,
    Usage,
)

SERVED = Served("m:v", "CPU")
STARTED = Started(SERVED, 3)
END = Finished("stop", Usage(3, 2, 1), Timings(), SERVED)
CALLED = Finished("tool_calls", Usage(3, 2, 1), Timings(), SERVED)


def data(event: bytes) -> Any:
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    return json.loads(event[6:])


@given(st.text(min_size=1))
def test_a_chat_chunk_from_the_template_is_the_whole_chunk(text: str) -> None:
    chunks = ChatChunks("id", STARTED, wants_usage=False)
    made = chunks.delta(Delta(text, (1,)))
    created = data(made)["created"]
    whole = ChatCompletionChunk("id", created, "m:v", (ChatChunkChoice(ChatDelta(content=text)),))
    assert made == b"data: " + msgspec.json.encode(whole) + b"\n\n"
    assert made.count(b"\n") == 2, "no line break may end the event early"


@given(st.text(min_size=1))
def test_a_text_chunk_from_the_template_is_the_whole_chunk(text: str) -> None:
    made = TextChunks("id", STARTED, wants_usage=False).delta(Delta(text, (1,)))
    whole = TextCompletion("id", data(made)["created"], "m:v", (TextChoice(text),))
    assert made == b"data: " + msgspec.json.encode(whole) + b"\n\n"


def test_a_delta_without_text_tells_nothing() -> None:
    assert ChatChunks("id", STARTED, wants_usage=False).delta(Delta("", (1,))) == b""
    assert TextChunks("id", STARTED, wants_usage=False).delta(Delta("", (1,))) == b""


def test_the_client_s_own_types_take_every_chunk() -> None:
    chunks = ChatChunks("id", STARTED, wants_usage=False)
    calling = Delta("", (1,), calls=(ToolCallPiece(0, "c", "f"), ToolCallPiece(0, arguments="{}")))
    events = [chunks.first(), chunks.delta(Delta("x", (1,))), chunks.delta(calling)]
    events += [e + b"\n\n" for e in chunks.finish(CALLED, CALLED).split(b"\n\n") if e]
    parsed = [TheirChunk.model_validate(data(e)) for e in events]
    calls = parsed[2].choices[0].delta.tool_calls
    assert calls is not None
    assert calls[0].function is not None
    assert calls[0].function.name == "f"
    assert parsed[-1].choices[0].finish_reason == "tool_calls"
    Completion.model_validate(data(TextChunks("id", STARTED, wants_usage=False).finish(END, END)))


def test_text_and_calls_that_came_together_are_both_told() -> None:
    both = Delta("so", (1,), calls=(ToolCallPiece(1, "c", "f", "{"),))
    text, call = ChatChunks("id", STARTED, wants_usage=False).delta(both).strip().split(b"\n\n")
    assert data(text + b"\n\n")["choices"][0]["delta"] == {"content": "so"}
    (piece,) = data(call + b"\n\n")["choices"][0]["delta"]["tool_calls"]
    assert piece == {"index": 1, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}


def test_only_the_last_of_several_answers_carries_the_figures() -> None:
    for wants_usage in (False, True):
        chunks = ChatChunks("id", STARTED, wants_usage=wants_usage, index=1)
        assert "usage" not in data(chunks.finish(END, None))
        *ends, last = chunks.finish(END, END).strip().split(b"\n\n")
        assert data(last + b"\n\n")["usage"]["total_tokens"] == 5
        assert len(ends) == wants_usage
        assert data(chunks.delta(Delta("x", (1,))))["choices"][0]["index"] == 1


def test_offsets_of_text_tokens_go_on_from_chunk_to_chunk() -> None:
    chunks = TextChunks("id", STARTED, wants_usage=False)
    offsets = [
        data(chunks.delta(Delta(text, (1,), (TokenLogprob(1, text, -1.0),))))["choices"][0]["logprobs"][
            "text_offset"
        ]
        for text in ("ab", "cde", "f")
    ]
    assert offsets == [[0], [2], [5]]


def test_a_whole_answer_with_calls() -> None:
    answer = Answer("", (), CALLED, (ToolCall("c", "f", "{}"),))
    whole = json.loads(msgspec.json.encode(chat_completion("id", STARTED, [answer])))
    (choice,) = whole["choices"]
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "tool_calls"


def test_several_answers_count_their_prompt_once() -> None:
    ends = [Finished("stop", Usage(3, n, n), Timings(decode_ms=10.0 * n), SERVED) for n in (1, 2)]
    answers = [Answer(text, (), end) for text, end in zip("ab", ends, strict=True)]
    for reply in (chat_completion("id", STARTED, answers), text_completion("id", STARTED, answers)):
        told = json.loads(msgspec.json.encode(reply))
        assert [choice["index"] for choice in told["choices"]] == [0, 1]
        assert (told["usage"]["prompt_tokens"], told["usage"]["completion_tokens"]) == (3, 3)
        assert told["timings"]["decode_ms"] == 20.0


def test_whole_answers_carry_usage_timings_and_what_ran() -> None:
    answer = Answer("hi", (), END)
    for reply in (chat_completion("id", STARTED, [answer]), text_completion("id", STARTED, [answer])):
        told = json.loads(msgspec.json.encode(reply))
        assert told["usage"]["total_tokens"] == 5
        assert told["spark"] == {"model": "m:v", "device": "CPU"}
        assert set(told["timings"]) == set(Timings.__struct_fields__)


def test_what_was_left_out_is_told_first_and_last_and_in_whole_answers() -> None:
    started = Started(SERVED, 3, Truncation(2, 40, 43, 3, 9))
    told = {
        "dropped_messages": 2,
        "dropped_tokens": 40,
        "prompt_tokens_before": 43,
        "prompt_tokens": 3,
        "max_tokens": 9,
    }
    chunks = ChatChunks("id", started, wants_usage=False)
    answer = [Answer("hi", (), END)]
    replies = [
        data(chunks.first()),
        data(chunks.finish(END, END)),
        data(TextChunks("id", started, wants_usage=False).finish(END, END)),
        json.loads(msgspec.json.encode(chat_completion("id", started, answer))),
        json.loads(msgspec.json.encode(text_completion("id", started, answer))),
    ]
    for reply in replies:
        assert reply["spark"] == {"model": "m:v", "device": "CPU", "truncation": told}
    assert "spark" not in data(chunks.delta(Delta("x", (1,))))
