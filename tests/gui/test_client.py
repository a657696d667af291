"""The engine's client on Qt's event loop, as the window uses it."""

import asyncio
from contextlib import aclosing
from typing import Any

import msgspec

from spark_engine.client.http import SparkClient
from spark_engine.types.chat import ChatMessage
from spark_engine.types.generation import Delta
from spark_engine.types.state import EngineInfo, EngineState, StateSnapshot
from tests.support.scripted import event, reply, scripted_server, stream

STATE = EngineState(EngineInfo("0.1.0", 1, 0.0, "http://127.0.0.1:1", "/base"))
CHUNK = event({"model": "m", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]})


async def test_a_session(qtbot: Any) -> None:
    async with scripted_server() as server, SparkClient(server.endpoint) as client:
        server.on("GET /spark/v1/state", reply(msgspec.json.encode(STATE)))
        server.on(
            "GET /spark/v1/events", stream(event(msgspec.json.encode(StateSnapshot(STATE))), then="hang")
        )
        server.on("POST /v1/chat/completions", stream(CHUNK, then="hang"))
        assert await client.state() == STATE
        async with aclosing(client.events()) as events:
            assert await anext(events) == StateSnapshot(STATE)
        await asyncio.wait_for(server.closed.wait(), 1)
        server.closed.clear()
        try:
            async with asyncio.timeout(0.2):
                async for piece in client.chat([ChatMessage("user", "hi")]):
                    seen = piece
        except TimeoutError:
            pass
        assert seen == Delta("a")
        await asyncio.wait_for(server.closed.wait(), 1)
