"""Streams over real HTTP: chunks, ends, crashes, clients that leave or do not read, watchers of events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from spark_engine.api.sse import EventStream
from spark_engine.client.sse import SseDecoder
from spark_engine.tasks import create_task
from spark_engine.types.chat import ToolCallPiece
from spark_engine.types.generation import Delta, Failed, Finished, TokenLogprob
from spark_engine.types.models import Unloaded
from spark_engine.types.state import EngineEvent, PhaseChanged, StateSnapshot, VariantChanged, apply_event
from tests.support.scripted_engine import VARIANT, Api, ScriptedEngine, finished, serving

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]


async def payloads(api: Api, path: str, body: dict[str, Any]) -> list[bytes]:
    """The data of every event of a stream."""
    async with httpx.AsyncClient(base_url=api.address) as http:
        reply = await http.post(path, json=body | {"stream": True})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    return SseDecoder().feed(reply.content)


async def until(condition: Any, limit_s: float = 3) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.01)


def script(*events: Delta | Finished | Failed) -> Any:
    async def play(request: object) -> AsyncIterator[Delta | Finished | Failed]:
        for event in events:
            yield event
            await asyncio.sleep(0.01)

    return play


async def endless(request: object) -> AsyncIterator[Delta]:
    while True:
        yield Delta("word ", (1,))
        await asyncio.sleep(0.001)


async def silent(request: object) -> AsyncIterator[Delta]:
    await asyncio.Event().wait()
    yield Delta("")


async def test_a_chat_stream_tells_role_text_reason_and_figures() -> None:
    async with serving() as api:
        *chunks, done = await payloads(api, "/v1/chat/completions", CHAT)
    assert done == b"[DONE]"
    first, *middle, last = [json.loads(c) for c in chunks]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert first["spark"] == {"model": VARIANT, "device": "Stage"}
    assert "".join(c["choices"][0]["delta"]["content"] for c in middle) == "Hello there"
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    }
    assert last["timings"]["prefill_ms"] == 1.5
    assert {c["id"] for c in (first, *middle, last)} == {first["id"]}
    assert {c["model"] for c in (first, *middle, last)} == {VARIANT}


async def test_usage_comes_alone_when_asked_for() -> None:
    async with serving() as api:
        asked = CHAT | {"stream_options": {"include_usage": True}}
        *_, reason, figures, done = await payloads(api, "/v1/chat/completions", asked)
    assert "usage" not in json.loads(reason)
    assert json.loads(figures)["choices"] == []
    assert json.loads(figures)["usage"]["total_tokens"] == 5
    assert json.loads(figures)["timings"]["prefill_ms"] == 1.5
    assert done == b"[DONE]"


@pytest.mark.parametrize("reason", ["stop", "length", "cancelled"])
async def test_the_finish_reason_is_the_true_one(reason: Any) -> None:
    async with serving(ScriptedEngine(script(Delta("x", (1,)), finished(reason)))) as api:
        chunks = await payloads(api, "/v1/chat/completions", CHAT)
        texts = await payloads(api, "/v1/completions", {"model": "auto", "prompt": "x"})
    assert json.loads(chunks[-2])["choices"][0]["finish_reason"] == reason
    assert json.loads(texts[-2])["choices"][0]["finish_reason"] == reason


async def test_text_with_every_kind_of_character_arrives_as_it_is() -> None:
    odd = 'quote " backslash \\ newline \n null \x00 emoji 🦊 \u2028 </script>'
    async with serving(ScriptedEngine(script(Delta(odd, (1,)), finished()))) as api:
        chunks = [json.loads(c) for c in (await payloads(api, "/v1/chat/completions", CHAT))[:-1]]
    assert chunks[1]["choices"][0]["delta"]["content"] == odd


async def test_log_probabilities_travel_with_their_text() -> None:
    top = (TokenLogprob(1, "Hi", -0.1), TokenLogprob(2, "Ho", float("-inf")))
    events = (Delta("Hi", (1,), (TokenLogprob(1, "Hi", -0.1, top),)), finished())
    async with serving(ScriptedEngine(script(*events))) as api:
        chats = await payloads(api, "/v1/chat/completions", CHAT | {"logprobs": True, "top_logprobs": 2})
        texts = await payloads(api, "/v1/completions", {"model": "auto", "prompt": "x", "logprobs": 2})
    (token,) = json.loads(chats[1])["choices"][0]["logprobs"]["content"]
    assert (token["token"], token["logprob"], token["bytes"]) == ("Hi", -0.1, [72, 105])
    assert [t["logprob"] for t in token["top_logprobs"]] == [-0.1, -9999.0]
    old = json.loads(texts[0])["choices"][0]["logprobs"]
    assert old == {
        "tokens": ["Hi"],
        "token_logprobs": [-0.1],
        "top_logprobs": [{"Hi": -0.1, "Ho": -9999.0}],
        "text_offset": [0],
    }


async def test_a_crash_in_the_middle_is_an_error_event_and_the_end() -> None:
    crash = Failed("runner_crashed", "The model stopped", "Its process ended.", "Send it again.")
    async with serving(ScriptedEngine(script(Delta("Hel", (1,)), crash))) as api:
        events = await payloads(api, "/v1/chat/completions", CHAT)
    assert json.loads(events[-1])["error"] == {
        "message": "Its process ended.",
        "type": "server_error",
        "param": None,
        "code": "runner_crashed",
        "title": "The model stopped",
        "remedy": "Send it again.",
    }
    assert b"[DONE]" not in events


async def test_tool_calls_are_told_as_such() -> None:
    pieces = (
        ToolCallPiece(0, "c1", "add"),
        ToolCallPiece(0, arguments='{"a"'),
        ToolCallPiece(0, arguments=": 1}"),
    )
    events = [Delta("I add. ", (1,)), *(Delta("", (1,), calls=(piece,)) for piece in pieces)]
    async with serving(ScriptedEngine(script(*events, finished("tool_calls")))) as api:
        chunks = [
            json.loads(c) for c in (await payloads(api, "/v1/chat/completions", CHAT | {"tools": TOOLS}))[:-1]
        ]
        async with httpx.AsyncClient(base_url=api.address) as http:
            reply = (await http.post("/v1/chat/completions", json=CHAT | {"tools": TOOLS})).json()
    deltas = [c["choices"][0]["delta"] for c in chunks]
    assert "".join(d.get("content", "") for d in deltas) == "I add. "
    calls = [call for d in deltas for call in d.get("tool_calls", ())]
    assert (calls[0]["id"], calls[0]["type"], calls[0]["function"]["name"]) == ("c1", "function", "add")
    assert all("id" not in call and "name" not in call["function"] for call in calls[1:])
    assert {call["index"] for call in calls} == {0}
    assert "".join(call["function"]["arguments"] for call in calls) == '{"a": 1}'
    (whole,) = reply["choices"]
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["finish_reason"] == "tool_calls"
    assert whole["message"]["content"] == "I add. "
    assert whole["message"]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    ]


async def test_a_client_that_leaves_a_stream_cancels_its_generation() -> None:
    engine = ScriptedEngine(endless)
    async with serving(engine) as api:
        async with (
            httpx.AsyncClient(base_url=api.address) as http,
            http.stream("POST", "/v1/chat/completions", json=CHAT | {"stream": True}) as reply,
        ):
            await anext(reply.aiter_bytes())
            assert engine.cancelled == []
        await until(lambda: engine.cancelled == [engine.requests[0].id])


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_before_its_answer_withdraws_its_request(stream: bool) -> None:
    engine = ScriptedEngine(before=asyncio.Event().wait)
    async with serving(engine) as api:
        await leave_after(api, CHAT | {"stream": stream}, lambda: bool(engine.requests))
        await until(lambda: engine.withdrawn == [engine.requests[0].id])


async def test_a_client_that_leaves_a_whole_answer_cancels_its_generation() -> None:
    engine = ScriptedEngine(endless)
    async with serving(engine) as api:
        await leave_after(api, CHAT, lambda: bool(engine._feeders))
        await until(lambda: engine.cancelled == [engine.requests[0].id])


async def leave_after(api: Api, body: dict[str, Any], condition: Any) -> None:
    async with httpx.AsyncClient(base_url=api.address) as http:

        async def ask() -> None:
            await http.post("/v1/chat/completions", json=body)

        asking = create_task(ask(), name="a client that leaves")
        await until(condition)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_reader_that_stops_reading_gets_fewer_and_longer_pieces() -> None:
    count = 20_000

    async def flood(request: object) -> AsyncIterator[Delta | Finished]:
        for number in range(count):
            yield Delta("0123456789" * 10, (1,))
            if number % 100 == 0:
                await asyncio.sleep(0)
        yield finished("length", count)

    async with serving(ScriptedEngine(flood)) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=2**16)
        body = json.dumps(CHAT | {"stream": True}).encode()
        host = f"host: 127.0.0.1:{api.port}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        head = f"POST /v1/chat/completions HTTP/1.1\r\n{host}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await asyncio.sleep(0.5)
        received = await asyncio.wait_for(reader.read(), 20)
        writer.close()
    assert received.count(b"0123456789") == count * 10
    assert received.count(b"data: {") < count / 2
    assert b"[DONE]" in received


async def test_silence_is_broken_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EventStream.__init__.__kwdefaults__, "keep_alive_s", 0.1)
    async with (
        serving(ScriptedEngine(silent)) as api,
        httpx.AsyncClient(base_url=api.address) as http,
        http.stream("POST", "/v1/chat/completions", json=CHAT | {"stream": True}) as reply,
    ):
        received = b""
        async for piece in reply.aiter_bytes():
            received += piece
            if received.count(b": keep-alive\n\n") >= 3:
                break
    assert len(SseDecoder().feed(received)) == 1, "the comments are no events"


async def test_the_server_ends_while_streams_run_and_nobody_reads() -> None:
    engine = ScriptedEngine(endless)
    loop = asyncio.get_running_loop()
    async with serving(engine) as api:
        host = f"host: 127.0.0.1:{api.port}\r\ncontent-type: application/json\r\n"
        body = json.dumps(CHAT | {"stream": True}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\n{host}content-length: {len(body)}\r\n\r\n"
        writers = [(await asyncio.open_connection("127.0.0.1", api.port))[1] for _ in range(3)]
        for writer in writers:
            writer.write(head.encode() + body)
        await until(lambda: len(engine.requests) == 3)
        began = loop.time()
    assert loop.time() - began < 3
    for writer in writers:
        writer.close()


async def test_watchers_see_the_state_then_every_change_and_the_end() -> None:
    engine = ScriptedEngine()
    decoder = msgspec.json.Decoder(EngineEvent)
    seen: list[Any] = []
    async with serving(engine) as api:

        async def watch() -> None:
            sse = SseDecoder()
            async with (
                httpx.AsyncClient(base_url=api.address, headers=api.owner) as http,
                http.stream("GET", "/spark/v1/events") as reply,
            ):
                async for piece in reply.aiter_bytes():
                    seen.extend(decoder.decode(p) for p in sse.feed(piece))

        watching = create_task(watch(), name="watcher")
        await until(lambda: len(seen) == 1)
        assert isinstance(seen[0], StateSnapshot)
        engine.load("actor")
        await until(lambda: len(seen) == 2)
        assert seen[1] == VariantChanged(VARIANT, Unloaded())
        assert apply_event(seen[0].state, seen[1]) == engine.state
        await engine.stop()
        await asyncio.wait_for(watching, 3)
    assert seen[-1] == PhaseChanged("stopping")
    assert not engine.bus._watchers


async def test_a_watcher_that_leaves_is_forgotten() -> None:
    engine = ScriptedEngine()
    async with serving(engine) as api:
        async with (
            httpx.AsyncClient(base_url=api.address, headers=api.owner) as http,
            http.stream("GET", "/spark/v1/events") as reply,
        ):
            await anext(reply.aiter_bytes())
            assert len(engine.bus._watchers) == 1
        await until(lambda: not engine.bus._watchers)


async def test_a_response_that_never_starts_to_stream_still_closes_what_it_owns() -> None:
    closed = []

    async def close() -> None:
        closed.append(True)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: x\n\n"

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def stuck(message: Any) -> None:
        await asyncio.Event().wait()

    await asyncio.wait_for(EventStream(pieces(), close)({}, gone, stuck), 2)
    assert closed == [True]
