"""Spark's own calls over real HTTP: the owner only, commands answer 202, probes are open, documents are true."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from spark_engine.api.access import Services
from spark_engine.api.app import build_app, guard_for, limits_for
from spark_engine.api.guard import Guard
from spark_engine.api.listener import Listener
from spark_engine.api.ports import bind_owner_socket, bind_port
from spark_engine.api.probes import probe_app
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.state import EngineState, ProblemRaised
from tests.support.scripted_engine import VARIANT, Api, ScriptedEngine, config_with, serving

READS = [
    "state",
    "models",
    "models/actor",
    f"models/{VARIANT}",
    "requests",
    "health",
    "settings",
    "components",
    "downloads",
    "logs",
]
COMMANDS = [
    "models/scan",
    "models/actor/load",
    "models/actor/unload",
    "components/gguf/install",
    "downloads",
    "downloads/actor:big/cancel",
]


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as api:
        yield api


@pytest.fixture
async def owner(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.address + "/spark/v1/", headers=api.owner) as http:
        yield http


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
async def test_strangers_are_refused_everywhere(api: Api, header: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=api.address + "/spark/v1/", headers=header) as http:
        replies = [await http.get(path) for path in [*READS, "events"]] + [
            await http.post(p) for p in COMMANDS
        ]
    assert {r.status_code for r in replies} == {403}
    assert {r.json()["error"]["code"] for r in replies} == {"owner_required"}
    assert isinstance(api.engine, ScriptedEngine)
    assert api.engine.commands == []


async def test_the_token_is_compared_as_bytes(api: Api) -> None:
    headers = {b"authorization": "Bearer é".encode()}
    async with httpx.AsyncClient(base_url=api.address) as http:
        assert (await http.get("/spark/v1/state", headers=headers)).status_code == 403


@pytest.mark.parametrize("path", READS)
async def test_the_owner_may_read(owner: httpx.AsyncClient, path: str) -> None:
    reply = await owner.get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"


async def test_the_state_is_the_whole_state(api: Api, owner: httpx.AsyncClient) -> None:
    state = msgspec.json.decode((await owner.get("state")).content, type=EngineState)
    assert state == api.engine.state


async def test_commands_are_accepted_and_reach_the_engine(api: Api, owner: httpx.AsyncClient) -> None:
    assert isinstance(api.engine, ScriptedEngine)
    expected = {
        "models/actor/load": VARIANT,
        "models/actor:plain/unload": VARIANT,
        "models/scan": "library",
        "components/gguf/install": "gguf",
        "components/gguf/remove": "gguf",
        "components/gguf/cancel": "gguf",
        "downloads/actor:big/pause": "actor:big",
        "downloads/actor:big/resume": "actor:big",
        "downloads/actor:big/cancel": "actor:big",
    }
    for path, id in expected.items():
        reply = await owner.post(path)
        assert (reply.status_code, reply.json()) == (202, {"id": id})
    assert [word for word, _ in api.engine.commands] == [
        "load",
        "unload",
        "scan",
        "install",
        "remove",
        "cancel",
        "pause",
        "resume",
        "cancel download",
    ]


async def test_a_download_is_asked_for_by_name(api: Api, owner: httpx.AsyncClient) -> None:
    assert isinstance(api.engine, ScriptedEngine)
    for body in ({"model": "actor"}, {"model": "org/actor:big", "load": True}):
        reply = await owner.post("downloads", json=body)
        assert (reply.status_code, reply.json()) == (202, {"id": "actor:big"})
    assert api.engine.commands == [("download", "actor"), ("download and load", "org/actor:big")]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": 1}, "model"),
        ({"model": ""}, "model"),
        ({"model": "a", "laod": True}, "laod"),
    ],
)
async def test_a_wrong_download_names_its_field(owner: httpx.AsyncClient, body: object, param: str) -> None:
    reply = await owner.post("downloads", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "path",
    ["models/nobody/load", "requests/nobody/cancel", "components/nothing/install", "downloads/x/pause"],
)
async def test_commands_about_nothing_are_404(owner: httpx.AsyncClient, path: str) -> None:
    assert (await owner.post(path)).status_code == 404


async def test_nothing_changes_by_get(api: Api, owner: httpx.AsyncClient) -> None:
    replies = [
        await owner.get(path) for path in ("models/actor/load", "requests/x/cancel", "components/gguf/remove")
    ]
    assert {r.status_code for r in replies} == {405}
    assert isinstance(api.engine, ScriptedEngine)
    assert api.engine.commands == []


async def test_settings_tell_where_each_value_came_from(owner: httpx.AsyncClient) -> None:
    port = (await owner.get("settings")).json()["server.port"]
    assert (port["value"], port["origin"], port["setting"]["maximum"]) == (8910, "default", 65535)


async def test_a_setting_is_changed_by_its_key_or_refused_by_it(api: Api, owner: httpx.AsyncClient) -> None:
    changed = await owner.put("settings", json={"log.level": "debug"})
    assert (changed.status_code, changed.json()["log.level"]["value"]) == (200, "debug")
    for body, param in (
        ({"log.level": "loud"}, "log.level"),
        ({"no.such": 1}, "no.such"),
        ({"log.level": [1]}, None),
    ):
        refused = await owner.put("settings", json=body)
        assert refused.status_code == 400
        assert param is None or refused.json()["error"]["param"] == param
    async with httpx.AsyncClient(base_url=api.address) as stranger:
        assert (await stranger.put("/spark/v1/settings", json={"log.level": "info"})).status_code == 403


async def test_requests_come_piece_by_piece_and_logs_by_number(owner: httpx.AsyncClient) -> None:
    first = (await owner.get("requests", params={"limit": 2})).json()
    assert ([entry["id"] for entry in first["finished"]], first["next"]) == (["req-3", "req-2"], "req-2")
    rest = (await owner.get("requests", params={"before": "req-2", "text": "actor"})).json()
    assert ([entry["id"] for entry in rest["finished"]], rest["next"]) == (["req-1"], "")
    assert (await owner.get("requests", params={"before": "x"})).json()["error"]["param"] == "before"
    assert (await owner.get("requests", params={"limit": 0})).status_code == 400
    assert [line["text"] for line in (await owner.get("logs", params={"after": 1})).json()["lines"]] == [
        "boom"
    ]
    assert (await owner.get("logs/events")).text.startswith('data: {"lines":[{"number":1')


async def test_health_is_503_with_the_reasons_while_something_blocks(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.address) as http:
        ready = await http.get("/health")
        assert isinstance(api.engine, ScriptedEngine)
        api.engine.bus.publish(ProblemRaised(Problem("x", "error", "Broken", "It is.", "Mend it.", True)))
        blocked = await http.get("/health")
        metrics = await http.get("/metrics")
    assert (ready.status_code, blocked.status_code) == (200, 503)
    assert msgspec.json.decode(blocked.content, type=HealthReport).problems[0].remedy == "Mend it."
    assert b"spark_up 1.0" in metrics.content
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize("path", ["/health", "/metrics"])
async def test_a_probe_on_its_own_port_answers_only_that(path: str) -> None:
    sock = bind_port(0)
    port = sock.getsockname()[1]
    guard = Guard(probe_app(ScriptedEngine(), path), limits_for(config_with(), port))
    listener = Listener(guard, sock, 5)
    await listener.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        replies = [await http.get(p) for p in (path, "/", "/v1/models", "/spark/v1/state")]
        posted = await http.post(path)
        foreign = await http.get(path, headers={"host": "evil.example"})
    await listener.end(0.1)
    assert [r.status_code for r in replies] == [200, 200, 404, 404]
    assert posted.status_code == 405
    assert foreign.status_code == 403


async def test_the_owner_s_socket_needs_no_token(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    config = config_with()
    app = build_app(Services(ScriptedEngine(), config, "token"))
    listener = Listener(guard_for(app, config, None), bind_owner_socket(path), 5)
    await listener.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(path))) as http:
        state = await http.get("http://localhost/spark/v1/state")
        any_host = await http.get("http://whatever/spark/v1/state")
        page = await http.get("http://localhost/spark/v1/state", headers={"origin": "http://localhost"})
    await listener.end(0.1)
    assert (state.status_code, any_host.status_code, page.status_code) == (200, 200, 403)


async def test_the_document_is_complete_and_true(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.address) as http:
        document = (await http.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    missing = {r for r in _references(document) if r.rpartition("/")[2] not in schemas}
    assert missing == set()
    assert {"/v1/models", "/v1/chat/completions", "/v1/completions", "/spark/v1/events"} <= document[
        "paths"
    ].keys()
    for verbs in document["paths"].values():
        for operation in verbs.values():
            assert "422" not in operation["responses"]
            assert {"4XX", "5XX"} <= operation["responses"].keys()
            assert operation["description"]
    assert "503" in document["paths"]["/health"]["get"]["responses"]
    assert document["paths"]["/spark/v1/state"]["get"]["security"] == [{"Owner": []}]
    assert "security" not in document["paths"]["/v1/models"]["get"]
    asked = schemas["ChatCompletionRequest"]
    assert set(asked["required"]) == {"model", "messages"}
    assert {"top_k", "min_p", "repetition_penalty", "priority"} <= asked["properties"].keys()


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(_references, node.values()))
    return set().union(*map(_references, node)) if isinstance(node, list) else set()


async def test_the_docs_page_needs_nothing_from_elsewhere(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.address) as http:
        page = await http.get("/docs")
    text = page.text
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in text
    assert "src=" not in text
    assert "https://" not in text
    for expected in ("/v1/chat/completions", "messages[].content", "repetition_penalty", "/spark/v1/events"):
        assert expected in text
