"""Which program asks: recognised by its process, counted, paused, ranked, blocked, and remembered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from spark_engine.api.access import Services
from spark_engine.api.app import build_app, guard_for
from spark_engine.api.listener import Listener
from spark_engine.api.ports import bind_owner_socket
from spark_engine.client.endpoint import Endpoint
from spark_engine.client.http import SparkClient
from spark_engine.engine.engine import Engine
from spark_engine.errors import NotFound
from spark_engine.paths import BaseDir
from spark_engine.types.apps import AppEntry
from tests.support.client_program import ClientProgram, client_program, copy_of_python
from tests.support.real_engine import serving_card
from tests.support.scripted_engine import Api, config_with
from tests.support.served import ECHO_CARD

SLOW = "echo:slow"


@pytest.fixture
async def api(base: BaseDir) -> AsyncIterator[Api]:
    async with serving_card(base, ECHO_CARD) as served:
        yield served


@pytest.fixture
async def owner(api: Api) -> AsyncIterator[SparkClient]:
    async with SparkClient(Endpoint(api.address, api.token, 1, "0", "")) as client:
        yield client


async def entry(api: Api, wanted: Callable[[AppEntry], bool]) -> AppEntry:
    """The app of which this is true, once it is told."""
    for _ in range(200):
        found = [app for app in api.engine.state.apps.values() if wanted(app)]
        if found:
            return found[0]
        await asyncio.sleep(0.02)
    raise AssertionError(api.engine.state.apps)


async def test_a_program_is_recognised_by_its_process(api: Api, tmp_path: Path) -> None:
    weather = copy_of_python(tmp_path / "bin", "weather-app")
    async with client_program(api.port, weather) as program:
        status, answer = await program.ask("hi", headers={"User-Agent": "made-up/1.0"})
        assert (status, answer["choices"][0]["message"]["content"]) == (200, "hi")
        await program.ask("again")
        app = await entry(api, lambda a: a.usage.requests == 2 and a.completion_tokens > 0)
        assert (app.name, app.path, app.pids, app.agent) == (
            "weather-app", str(weather), (program.pid,), "made-up/1.0",
        )  # fmt: skip
    assert app.usage.errors == app.active == 0
    assert 0 < app.usage.p50_ms <= app.usage.p95_ms < 60_000
    assert (app.share, app.compute_ms > 0, app.last_seen >= app.since > 0) == (1.0, True, True)
    assert {r.client for r in api.engine.state.requests.values()} == {"weather-app"}


async def test_two_programs_of_one_name_are_two(api: Api, tmp_path: Path) -> None:
    for place in ("a", "b"):
        async with client_program(api.port, copy_of_python(tmp_path / place, "tool")) as program:
            assert (await program.ask())[0] == 200
    await entry(api, lambda a: a.path.endswith("b/tool") and a.usage.requests == 1)
    assert len({app.id for app in api.engine.state.apps.values() if app.name == "tool"}) == 2


async def test_errors_count_and_looking_does_not(api: Api, tmp_path: Path) -> None:
    async with client_program(api.port, copy_of_python(tmp_path, "clumsy")) as program:
        assert (await program.send("/v1/models"))[0] == 200
        assert (await program.ask(temperature="hot"))[0] == 400
        assert (await program.ask(model="nothing"))[0] == 404
        assert (await program.ask())[0] == 200
        app = await entry(api, lambda a: a.usage.requests == 3)
    assert (app.name, app.usage.errors) == ("clumsy", 2)


async def test_a_blocked_program_gets_a_sentence(api: Api, owner: SparkClient, tmp_path: Path) -> None:
    async with (
        client_program(api.port, copy_of_python(tmp_path, "greedy")) as greedy,
        client_program(api.port, copy_of_python(tmp_path, "modest")) as modest,
    ):
        assert (await greedy.ask())[0] == 200
        app = await entry(api, lambda a: a.name == "greedy")
        await owner.block_app(app.id)
        status, refusal = await greedy.ask()
        assert (status, refusal["error"]["code"]) == (403, "app_blocked")
        assert "greedy" in refusal["error"]["message"]
        assert (await greedy.send("/v1/models"))[0] == 403
        assert (await modest.ask())[0] == 200
        async with client_program(api.port, Path(greedy.path)) as second:
            assert (await second.ask())[0] == 403, "another process of the same program"
        assert (await entry(api, lambda a: a.refused == 3)).blocked
        await owner.unblock_app(app.id)
        assert (await greedy.ask())[0] == 200


async def test_a_paused_program_waits(api: Api, owner: SparkClient, tmp_path: Path) -> None:
    async with (
        client_program(api.port, copy_of_python(tmp_path, "patient")) as patient,
        client_program(api.port, copy_of_python(tmp_path, "other")) as other,
    ):
        assert (await patient.ask())[0] == 200
        app = await entry(api, lambda a: a.name == "patient")
        await owner.pause_app(app.id)
        held = asyncio.ensure_future(patient.ask("later"))
        waits = await entry(api, lambda a: a.waiting == 1)
        assert (waits.name, waits.active, waits.paused) == ("patient", 1, True)
        assert (await other.ask())[0] == 200
        rows = [r for r in api.engine.state.requests.values() if r.phase == "waiting"]
        assert [r.client for r in rows] == ["patient"]
        assert not held.done()
        await owner.resume_app(app.id)
        assert (await held)[0] == 200
        await entry(api, lambda a: a.name == "patient" and a.waiting == a.active == 0)


async def test_waiting_can_be_cancelled_and_ends_with_a_block(
    api: Api, owner: SparkClient, tmp_path: Path
) -> None:
    async with client_program(api.port, copy_of_python(tmp_path, "patient")) as patient:
        await patient.ask()
        app = await entry(api, lambda a: a.name == "patient")
        await owner.pause_app(app.id)
        held = asyncio.ensure_future(patient.ask())
        await entry(api, lambda a: a.waiting == 1)
        (row,) = (r for r in api.engine.state.requests.values() if r.phase == "waiting")
        await owner.cancel_request(row.id)
        assert (await held)[0] == 409
        held = asyncio.ensure_future(patient.ask())
        await entry(api, lambda a: a.waiting == 1)
        await owner.block_app(app.id)
        assert (await held)[0] == 403


async def test_who_goes_first(base: BaseDir, tmp_path: Path) -> None:
    order: list[str] = []

    async with serving_card(base, ECHO_CARD, models_slots=1) as api:
        async with (
            client_program(api.port, copy_of_python(tmp_path, "long")) as long,
            client_program(api.port, copy_of_python(tmp_path, "lazy")) as lazy,
            client_program(api.port, copy_of_python(tmp_path, "eager")) as eager,
        ):

            async def asks(program: ClientProgram, name: str) -> None:
                assert (await program.ask("x" * 20, model=SLOW))[0] == 200
                order.append(name)

            for program in (long, lazy, eager):
                await asks(program, "")
            app = await entry(api, lambda a: a.name == "lazy")
            api.engine.apps.rank(app.id, "last")
            order.clear()
            running = asyncio.ensure_future(long.ask("x" * 100, model=SLOW))
            await entry(api, lambda a: a.name == "long" and a.active == 1)
            first = asyncio.ensure_future(asks(lazy, "lazy"))
            await entry(api, lambda a: a.name == "lazy" and a.active == 1)
            await asyncio.gather(first, asks(eager, "eager"), running)
    assert order == ["eager", "lazy"]


async def test_a_client_that_leaves_while_it_is_paused(api: Api, owner: SparkClient, tmp_path: Path) -> None:
    async with client_program(api.port, copy_of_python(tmp_path, "brief")) as brief:
        await brief.ask()
        app = await entry(api, lambda a: a.name == "brief")
        await owner.pause_app(app.id)
        held = asyncio.ensure_future(brief.ask())
        await entry(api, lambda a: a.waiting == 1)
        held.cancel()
        brief.process.kill()
        gone = await entry(api, lambda a: a.waiting == a.active == 0 and a.usage.requests == 2)
    assert (gone.usage.errors, gone.name) == (0, "brief")
    assert "cancelled" in {r.phase for r in api.engine.state.requests.values()}


async def test_decisions_are_remembered(base: BaseDir, tmp_path: Path) -> None:
    tool = copy_of_python(tmp_path / "bin", "tool")
    async with serving_card(base, ECHO_CARD) as api:
        async with client_program(api.port, tool) as program:
            await program.ask()
            first = await entry(api, lambda a: a.name == "tool")
            api.engine.apps.block(first.id)
            api.engine.apps.rank(first.id, "last")
    again = Engine(config_with(models_preload=False), base, "http://127.0.0.1:0")
    await again.start()
    try:
        app = again.state.apps[first.id]
        assert (app.blocked, app.rank, app.path, app.since) == (True, "last", str(tool), first.since)
        assert app.usage.requests == 0
    finally:
        await again.stop()


async def test_a_process_at_the_owners_socket(base: BaseDir, tmp_path: Path, api: Api) -> None:
    config, path = config_with(), tmp_path / "owner.sock"
    listener = Listener(
        guard_for(build_app(Services(api.engine, config, "t")), config, None), bind_owner_socket(path), 30
    )
    await listener.start()
    try:
        async with client_program(str(path), copy_of_python(tmp_path, "local")) as program:
            assert (await program.ask())[0] == 200
            app = await entry(api, lambda a: a.usage.requests == 1)
            assert (app.name, app.pids) == ("local", (program.pid,))
    finally:
        await listener.end(0.5)


async def test_a_program_that_cannot_be_told(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("spark_engine.engine.peer_process.PeerFinder.find", lambda self, peer: None)
    async with client_program(api.port, copy_of_python(tmp_path, "hidden")) as program:
        await program.ask(headers={"User-Agent": "curl/9"})
        app = await entry(api, lambda a: a.usage.requests == 1)
    assert (app.id, app.name, app.path, app.agent) == ("unknown", "Unknown program", "", "curl/9")
    assert {r.client for r in api.engine.state.requests.values()} == {"Unknown program (curl/9)"}


async def test_recognising_holds_no_request_up(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import time

    from spark_engine.engine.peer_process import PeerFinder

    find = PeerFinder.find

    def slow(self: PeerFinder, peer: object) -> int | None:
        time.sleep(1.5)
        return find(self, peer)  # type: ignore[arg-type]

    monkeypatch.setattr(PeerFinder, "find", slow)
    async with client_program(api.port, copy_of_python(tmp_path, "quick")) as program:
        await program.ask()
        async with client_program(api.port, copy_of_python(tmp_path, "quicker")) as second:
            began = asyncio.get_running_loop().time()
            assert (await second.ask())[0] == 200
            assert asyncio.get_running_loop().time() - began < 1.0
            app = await entry(api, lambda a: a.name == "quicker" and a.usage.requests == 1)
            assert app.usage.errors == 0


async def test_unknown_names_are_refused(api: Api, owner: SparkClient) -> None:
    for call in (owner.pause_app, owner.resume_app, owner.block_app, owner.unblock_app):
        with pytest.raises(NotFound):
            await call("nobody")
    async with httpx.AsyncClient(base_url=api.address, headers=api.owner) as http:
        reply = await http.post("/spark/v1/apps/nobody/rank", json={"rank": "best"})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "rank")
    async with httpx.AsyncClient(base_url=api.address) as stranger:
        assert (await stranger.get("/spark/v1/apps")).status_code == 403
        assert (await stranger.post("/spark/v1/apps/nobody/block")).status_code == 403
