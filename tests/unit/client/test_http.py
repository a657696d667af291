"""The client against a server that answers what the test says, over TCP and over a Unix socket."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from spark_engine.client.endpoint import Endpoint, write_endpoint
from spark_engine.client.http import SparkClient
from spark_engine.config.schema import setting
from spark_engine.errors import InvalidRequest, SparkError, Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.chat import ChatMessage
from spark_engine.types.generation import Delta, Failed, Finished, Started
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.settings import SettingEntry
from spark_engine.types.state import EngineInfo, EngineState, PhaseChanged, StateSnapshot
from tests.support.scripted import ScriptedServer, event, reply, scripted_server, stream

QUESTION = [ChatMessage("user", "hi")]
STATE = EngineState(EngineInfo("0.1.0", 1, 0.0, "http://127.0.0.1:1", "/base"))
EVENTS = [StateSnapshot(STATE), PhaseChanged("ready"), PhaseChanged("stopping")]
CHAT = "POST /v1/chat/completions"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as server:
        yield server


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[SparkClient]:
    async with SparkClient(server.endpoint, caller="test") as client:
        yield client


def chunk(text: str = "", reason: str | None = None) -> bytes:
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]
    return event({"model": "m", "choices": choices, "spark": {"model": "m:v", "device": "CPU"}})


async def test_the_owners_calls_carry_the_token_and_the_callers_name(
    server: ScriptedServer, client: SparkClient
) -> None:
    server.on("GET /spark/v1/state", reply(msgspec.json.encode(STATE)))
    assert await client.state() == STATE
    headers = server.asked[0].headers
    assert headers["authorization"] == "Bearer the-token"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["user-agent"].startswith("test/")


async def test_health(server: ScriptedServer, client: SparkClient) -> None:
    report = HealthReport(False, (Problem("p", "error", "T", "M"),))
    server.on("GET /spark/v1/health", reply(msgspec.json.encode(report)))
    assert await client.health() == report


@pytest.mark.parametrize(
    ("call", "path", "id"),
    [
        ("load", "models/phi%3Aonnx-int4/load", "phi:onnx-int4"),
        ("unload", "models/phi%3Aonnx-int4/unload", "phi:onnx-int4"),
        ("cancel_request", "requests/..%2Fx/cancel", "../x"),
        ("install_component", "components/gguf/install", "gguf"),
        ("remove_component", "components/gguf/remove", "gguf"),
        ("cancel_component", "components/gguf/cancel", "gguf"),
    ],
)
async def test_commands(server: ScriptedServer, client: SparkClient, call: str, path: str, id: str) -> None:
    server.on(f"POST /spark/v1/{path}", reply({"id": "what-it-became"}, 202))
    answer = await getattr(client, call)(id)
    assert answer in ("what-it-became", None)
    assert [a.method for a in server.asked] == ["POST"]


async def test_load_says_which_variant(server: ScriptedServer, client: SparkClient) -> None:
    server.on("POST /spark/v1/models/auto/load", reply({"id": "spark-nano:onnx-int4"}, 202))
    assert await client.load("auto") == "spark-nano:onnx-int4"


async def test_rescan_and_settings(server: ScriptedServer, client: SparkClient) -> None:
    server.on("POST /spark/v1/models/scan", reply({"id": "library"}, 202))
    port = SettingEntry(8910, "default", setting("server.port"), "Server")
    server.on("GET /spark/v1/settings", reply(msgspec.to_builtins({"server.port": port})))
    await client.rescan()
    settings = await client.settings()
    assert settings == {"server.port": port}


async def test_a_refusal_is_raised_with_its_field(server: ScriptedServer, client: SparkClient) -> None:
    error = {"code": "invalid_value", "title": "T", "message": "M", "remedy": "R", "param": "temperature"}
    server.on(CHAT, reply({"error": error}, 400))
    with pytest.raises(InvalidRequest) as caught:
        await anext(client.chat(QUESTION, temperature=9))
    assert caught.value.param == "temperature"


async def test_nobody_listens(free_port: int) -> None:
    async with SparkClient(Endpoint(f"http://127.0.0.1:{free_port}", "t", 1, "0.1.0")) as client:
        with pytest.raises(Unavailable) as caught:
            await client.state()
    assert caught.value.code == "engine_unreachable"
    assert "spark serve" in caught.value.remedy


async def test_no_engine_in_the_base_directory(base: BaseDir) -> None:
    async with SparkClient(base) as client:
        with pytest.raises(Unavailable) as caught:
            await client.state()
    assert caught.value.code == "engine_unreachable"


async def test_an_answer_that_cannot_be_read(server: ScriptedServer, client: SparkClient) -> None:
    server.on("GET /spark/v1/state", reply({"engine": "of another kind"}))
    with pytest.raises(SparkError) as caught:
        await client.state()
    assert caught.value.code == "engine_incompatible"


async def test_events_in_order_whatever_the_pieces(server: ScriptedServer, client: SparkClient) -> None:
    whole = b"".join(event(msgspec.json.encode(e)) for e in EVENTS)
    server.on("GET /spark/v1/events", stream(*(whole[i : i + 7] for i in range(0, len(whole), 7))))
    assert [e async for e in client.events()] == EVENTS


async def test_events_cut_off(server: ScriptedServer, client: SparkClient) -> None:
    server.on("GET /spark/v1/events", stream(event(msgspec.json.encode(EVENTS[0])), then="cut"))
    events = client.events()
    assert await anext(events) == EVENTS[0]
    with pytest.raises(Unavailable) as caught:
        await anext(events)
    assert caught.value.code == "connection_lost"


async def test_closing_the_iterator_closes_the_connection(
    server: ScriptedServer, client: SparkClient
) -> None:
    server.on("GET /spark/v1/events", stream(event(msgspec.json.encode(EVENTS[0])), then="hang"))
    async with aclosing(client.events()) as events:
        await anext(events)
        assert not server.closed.is_set()
    await asyncio.wait_for(server.closed.wait(), 1)


async def test_cancelling_the_reader_closes_the_connection(
    server: ScriptedServer, client: SparkClient
) -> None:
    server.on(CHAT, stream(chunk("a"), then="hang"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_read_all(client), 0.2)
    await asyncio.wait_for(server.closed.wait(), 1)


async def _read_all(client: SparkClient) -> None:
    async for _ in client.chat(QUESTION):
        pass


async def test_chat_asks_in_openais_words(server: ScriptedServer, client: SparkClient) -> None:
    server.on(CHAT, stream(chunk("He"), chunk("y"), chunk(reason="stop"), event(b"[DONE]")))
    messages = [ChatMessage("system", "Be kind"), *QUESTION]
    events = [e async for e in client.chat(messages, "phi", max_tokens=5)]
    assert [type(e) for e in events] == [Started, Delta, Delta, Finished]
    assert server.asked[0].json == {
        "model": "phi",
        "messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
    }


async def test_chat_that_is_cut_off_says_so_as_an_event(server: ScriptedServer, client: SparkClient) -> None:
    server.on(CHAT, stream(chunk("He"), then="cut"))
    events = [e async for e in client.chat(QUESTION)]
    assert isinstance(events[-1], Failed)
    assert events[-1].code == "connection_lost"
    assert Delta("He") in events


async def test_a_proxy_of_the_environment_is_not_asked(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.on("GET /spark/v1/state", reply(msgspec.json.encode(STATE)))
    async with SparkClient(server.endpoint) as client:
        assert await client.state() == STATE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets here")
async def test_the_socket_is_taken_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "s"
    async with scripted_server(path) as server:
        server.on("GET /spark/v1/state", reply(msgspec.json.encode(STATE)))
        async with SparkClient(Endpoint("http://127.0.0.1:9", "t", 1, "0.1.0", str(path))) as client:
            assert await client.state() == STATE
        assert "authorization" not in server.asked[0].headers


async def test_a_socket_that_is_gone_leaves_the_port(server: ScriptedServer, tmp_path: Path) -> None:
    server.on("GET /spark/v1/state", reply(msgspec.json.encode(STATE)))
    where = server.endpoint
    moved = Endpoint(where.address, where.token, where.pid, where.version, str(tmp_path / "gone"))
    async with SparkClient(moved) as client:
        assert await client.state() == STATE


async def test_the_client_follows_an_engine_that_was_started_again(
    server: ScriptedServer, base: BaseDir
) -> None:
    server.on("GET /spark/v1/state", reply(msgspec.json.encode(STATE)))
    write_endpoint(base, msgspec.structs.replace(server.endpoint, token="first"))
    async with SparkClient(base) as client:
        await client.state()
        write_endpoint(base, msgspec.structs.replace(server.endpoint, token="second"))
        await client.state()
    assert [a.headers["authorization"] for a in server.asked] == ["Bearer first", "Bearer second"]


def test_nobody_loads_what_only_httpx_own_command_line_needs() -> None:
    """A tenth of a second of every start."""
    code = (
        "import spark_engine.client.http, sys, httpx\n"
        "print(sorted({'rich', 'click', 'pygments'} & set(sys.modules)), httpx.get)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told.startswith("[] <function get")
