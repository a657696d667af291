"""`truncation` over HTTP: what does not fit is refused, or left out with exact numbers; a real model counts."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.decoders import onnx_folder
from tests.support.served import Served, serve

NANO = "spark-nano:onnx-int4"
CONTEXT = 512
SYSTEM = {"role": "system", "content": "You are Spark's guide. Answer in one sentence."}
QUESTION = {"role": "user", "content": "How do I load a model?"}
TURNS = [
    message
    for number in range(12)
    for message in (
        {"role": "user", "content": f"Question {number}: what is {number} + {number}? Think of it as a sum."},
        {"role": "assistant", "content": f"It is {number + number}. Ask me more about Spark and its models."},
    )
]
TALK = [SYSTEM, *TURNS, QUESTION]
RAW = "How do I download Phi-4-mini and load it? " * 60


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    onnx_folder()
    root = tmp_path_factory.mktemp("truncation")
    with serve(root, models_preload="false", models_context=str(CONTEXT)) as served:
        yield served


def post(served: Served, path: str, body: dict[str, Any]) -> httpx.Response:
    asked = {"model": NANO, "temperature": 0, **body}
    return httpx.post(f"{served.address}/v1/{path}", json=asked, timeout=60)


def answer(served: Served, path: str, **body: Any) -> dict[str, Any]:
    reply = post(served, path, body)
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


def chat(served: Served, messages: list[dict[str, Any]], **body: Any) -> dict[str, Any]:
    return answer(served, "chat/completions", messages=messages, **body)


def chunks(served: Served, path: str, **body: Any) -> list[dict[str, Any]]:
    """All chunks of a stream."""
    lines = post(served, path, {**body, "stream": True}).text.splitlines()
    assert lines[-2] == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def refusal(served: Served, path: str, **body: Any) -> tuple[str, list[int]]:
    """A refusal's message, and the numbers in it."""
    reply = post(served, path, body)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")
    assert error["remedy"]
    return error["message"], [int(number) for number in re.findall(r"\d+", error["message"])]


def checked(reply: dict[str, Any]) -> dict[str, int]:
    """What a reply says was dropped, once its numbers agree with each other and with its usage."""
    report: dict[str, int] = reply["spark"]["truncation"]
    assert report["prompt_tokens"] == reply["usage"]["prompt_tokens"]
    assert report["prompt_tokens_before"] - report["dropped_tokens"] == report["prompt_tokens"]
    assert reply["usage"]["completion_tokens"] <= report["max_tokens"] * max(1, len(reply["choices"]))
    return report


def text_of(reply: dict[str, Any]) -> str:
    content: str = reply["choices"][0]["message"]["content"]
    return content


@pytest.mark.parametrize("asked", [{}, {"truncation": "disabled"}, {"truncation": None}])
def test_without_the_policy_a_long_chat_is_refused_as_ever(served: Served, asked: dict[str, Any]) -> None:
    message, (count, *rest) = refusal(served, "chat/completions", messages=TALK, **asked)
    assert message == f"The prompt has {count} tokens; this model's context holds {CONTEXT}."
    assert count > CONTEXT and rest == [CONTEXT]


def test_the_oldest_turns_are_dropped_and_counted(served: Served) -> None:
    _, (whole, *_) = refusal(served, "chat/completions", messages=TALK)
    reply = chat(served, TALK, truncation="auto", max_tokens=40)
    report = checked(reply)
    assert report["prompt_tokens_before"] == whole
    assert report["prompt_tokens"] + 40 <= CONTEXT
    assert report["max_tokens"] == 40
    dropped = report["dropped_messages"]
    assert dropped > 0 and dropped % 2 == 0
    by_hand = chat(served, [SYSTEM, *TURNS[dropped:], QUESTION], max_tokens=40)
    assert by_hand["usage"]["prompt_tokens"] == report["prompt_tokens"]
    assert text_of(by_hand) == text_of(reply)
    assert "truncation" not in by_hand["spark"]
    refusal(served, "chat/completions", messages=[SYSTEM, *TURNS[dropped - 2 :], QUESTION], max_tokens=40)


def test_a_stream_says_it_in_its_first_and_last_chunk(served: Served) -> None:
    whole = chat(served, TALK, truncation="auto", max_tokens=40)
    for options in ({}, {"stream_options": {"include_usage": True}}):
        first, *middle, last = chunks(
            served, "chat/completions", messages=TALK, truncation="auto", max_tokens=40, **options
        )
        assert first["spark"]["truncation"] == checked(last) == checked(whole)
        assert not any("spark" in chunk for chunk in middle)
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in (first, *middle)]
    assert "".join(pieces) == text_of(whole)


def test_what_fits_stays_whole(served: Served) -> None:
    plain = chat(served, [SYSTEM, QUESTION], max_tokens=20)
    asked = chat(served, [SYSTEM, QUESTION], max_tokens=20, truncation="auto")
    count = plain["usage"]["prompt_tokens"]
    assert checked(asked) == {
        "dropped_messages": 0,
        "dropped_tokens": 0,
        "prompt_tokens_before": count,
        "prompt_tokens": count,
        "max_tokens": 20,
    }
    assert text_of(asked) == text_of(plain)


def test_without_max_tokens_a_quarter_of_the_context_is_kept_free(served: Served) -> None:
    report = checked(chat(served, TALK, truncation="auto"))
    assert report["prompt_tokens"] <= CONTEXT - CONTEXT // 4
    assert report["max_tokens"] == CONTEXT - report["prompt_tokens"]


def test_max_tokens_may_take_half_of_the_context_at_most(served: Served) -> None:
    report = checked(chat(served, TALK, truncation="auto", max_tokens=10 * CONTEXT, stop=["."]))
    assert report["prompt_tokens"] <= CONTEXT // 2
    assert report["max_tokens"] == CONTEXT - report["prompt_tokens"]


def test_a_newest_message_that_alone_does_not_fit_is_refused_with_its_count(served: Served) -> None:
    newest = {"role": "user", "content": "word " * 900}
    messages = [SYSTEM, *TURNS[:4], newest]
    _, numbers = refusal(
        served, "chat/completions", messages=messages, truncation="auto", max_tokens=30, stream=True
    )
    _, (whole, *_) = refusal(served, "chat/completions", messages=messages)
    _, (least, *_) = refusal(served, "chat/completions", messages=[SYSTEM, newest])
    assert numbers == [whole, 30, CONTEXT, least]


def test_tool_results_go_with_the_call_they_answer(served: Served) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    tooled = [
        {"role": "user", "content": "Add. " * 20},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "2 " * 60, "tool_call_id": "c1"},
        {"role": "assistant", "content": "It is two."},
    ]
    kept = [*TURNS[:2], QUESTION]
    reply = chat(
        served, [SYSTEM, *tooled, *tooled, *tooled, *kept], truncation="auto", max_tokens=250, stop=["."]
    )
    dropped = checked(reply)["dropped_messages"]
    assert dropped in (4, 8, 12)
    rest = [*tooled, *tooled, *tooled][dropped:]
    by_hand = chat(served, [SYSTEM, *rest, *kept], max_tokens=250, stop=["."])
    assert by_hand["usage"]["prompt_tokens"] == checked(reply)["prompt_tokens"]


def test_several_answers_share_one_report(served: Served) -> None:
    reply = chat(served, TALK, truncation="auto", max_tokens=8, n=2)
    assert len(reply["choices"]) == 2
    assert checked(reply)["dropped_messages"] > 0


@pytest.mark.parametrize("stream", [True, False])
def test_a_raw_prompt_loses_its_beginning(served: Served, stream: bool) -> None:
    _, (whole, *_) = refusal(served, "completions", prompt=RAW, max_tokens=30)
    asked = {"prompt": RAW, "truncation": "auto", "max_tokens": 30, "ignore_eos": True}
    reply = chunks(served, "completions", **asked)[-1] if stream else answer(served, "completions", **asked)
    assert checked(reply) == {
        "dropped_messages": 0,
        "dropped_tokens": whole - (CONTEXT - 30),
        "prompt_tokens_before": whole,
        "prompt_tokens": CONTEXT - 30,
        "max_tokens": 30,
    }
    assert reply["usage"]["completion_tokens"] == 30


def test_an_echo_is_of_what_the_model_read(served: Served) -> None:
    reply = answer(served, "completions", prompt=RAW, truncation="auto", max_tokens=30, echo=True)
    echoed = reply["choices"][0]["text"]
    assert checked(reply)["dropped_tokens"] > 0
    kept = next(RAW[i:] for i in range(len(RAW)) if echoed.startswith(RAW[i:]))
    assert 100 < len(kept) < len(RAW)


def test_token_ids_lose_their_beginning_too(served: Served) -> None:
    reply = answer(served, "completions", prompt=[5, 6, 7] * 400, truncation="auto", max_tokens=100)
    assert checked(reply)["prompt_tokens_before"] == 1200
    assert checked(reply)["prompt_tokens"] == CONTEXT - 100


def test_a_chat_that_outgrew_its_context_finds_its_beginning_in_the_cache(served: Served) -> None:
    cached, begins = [], []
    for turns in range(14, len(TURNS) + 1, 2):
        reply = chat(served, [SYSTEM, *TURNS[:turns], QUESTION], truncation="auto", max_tokens=16)
        begins.append(reply["spark"]["truncation"]["dropped_messages"])
        usage = reply["usage"]
        cached.append(usage["prompt_tokens_details"]["cached_tokens"] / usage["prompt_tokens"])
    assert begins[-1] > 0
    same = [
        share for share, now, before in zip(cached[1:], begins[1:], begins, strict=False) if now == before > 0
    ]
    assert len(same) >= 2
    assert min(same) > 0.7, (cached, begins)
