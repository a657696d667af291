"""Watching goes on through lost connections, and says once what is the matter."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from spark_engine.client.endpoint import write_endpoint
from spark_engine.client.http import SparkClient
from spark_engine.client.watching import Connected, Disconnected
from spark_engine.paths import BaseDir
from spark_engine.tasks import create_task
from spark_engine.types.state import EngineInfo, EngineState, PhaseChanged, StateSnapshot
from tests.support.scripted import event, reply, scripted_server, stream

STATE = EngineState(EngineInfo("0.1.0", 1, 0.0, "http://127.0.0.1:1", "/base"))
PIECES = [event(msgspec.json.encode(e)) for e in (StateSnapshot(STATE), PhaseChanged("ready"))]
READY = replace(STATE, phase="ready")


async def test_events_are_applied_and_a_new_connection_begins_with_the_state() -> None:
    async with scripted_server() as server, SparkClient(server.endpoint) as client:
        server.on("GET /spark/v1/events", stream(*PIECES, then="cut"))
        async with asyncio.timeout(5), aclosing(client.watch_state()) as watched:
            seen = [await anext(watched) for _ in range(6)]
    assert [seen[0], seen[1], seen[3], seen[4]] == [Connected(STATE), Connected(READY)] * 2
    assert isinstance(seen[2], Disconnected)
    assert isinstance(seen[5], Disconnected)


async def test_an_engine_that_ends_properly_is_disconnected_too() -> None:
    async with scripted_server() as server, SparkClient(server.endpoint) as client:
        server.on("GET /spark/v1/events", stream(*PIECES))
        async with asyncio.timeout(5), aclosing(client.watch_state()) as watched:
            seen = [await anext(watched) for _ in range(3)]
    assert seen[-1] == Disconnected("The engine ended.")


async def test_waits_for_an_engine_that_is_not_there_yet(base: BaseDir) -> None:
    async with scripted_server() as server, SparkClient(base) as client:
        server.on("GET /spark/v1/events", stream(*PIECES, then="hang"))
        async with asyncio.timeout(5), aclosing(client.watch_state()) as watched:
            first = await anext(watched)
            write_endpoint(base, server.endpoint)
            second = await anext(watched)
    assert isinstance(first, Disconnected)
    assert "not running" in first.reason
    assert second == Connected(STATE)


async def _next(watched: AsyncGenerator[Connected | Disconnected, None]) -> Connected | Disconnected:
    return await anext(watched)


async def test_the_same_trouble_is_told_once_and_other_trouble_again() -> None:
    async with scripted_server() as server, SparkClient(server.endpoint) as client:
        refusals = [reply({"error": {"code": "a", "title": t, "message": "m"}}, 503) for t in ("One", "Two")]
        server.on("GET /spark/v1/events", refusals[0])
        async with asyncio.timeout(5), aclosing(client.watch_state()) as watched:
            first = await anext(watched)
            waiting = create_task(_next(watched), name="the test")
            while len(server.asked) < 3:
                await asyncio.sleep(0.01)
            assert not waiting.done()
            server.on("GET /spark/v1/events", refusals[1])
            second = await waiting
    assert (first, second) == (Disconnected("One: m"), Disconnected("Two: m"))


async def test_an_event_that_cannot_be_read_is_a_reason() -> None:
    async with scripted_server() as server, SparkClient(server.endpoint) as client:
        server.on("GET /spark/v1/events", stream(PIECES[0], event({"type": "from another time"})))
        async with asyncio.timeout(5), aclosing(client.watch_state()) as watched:
            seen = [await anext(watched) for _ in range(2)]
    assert isinstance(seen[1], Disconnected)
    assert "speaks differently" in seen[1].reason
