"""Serving paused and resumed: everybody's new requests wait, those that a model has go on, and nothing is lost."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from spark_engine.client.http import SparkClient
from spark_engine.errors import Unavailable
from spark_engine.paths import BaseDir
from spark_engine.tasks import create_task
from spark_engine.types.chat import ChatMessage, TextPrompt
from spark_engine.types.generation import Delta, GenerationRequest
from spark_engine.types.requests import is_active
from spark_engine.types.state import EngineState, ServingPaused
from tests.integration.test_apps import api, owner
from tests.support.real_engine import serving_card
from tests.support.scripted_engine import Api
from tests.support.served import ECHO_CARD

__all__ = ["api", "owner"]
PLAIN, SLOW = "echo:plain", "echo:slow"


async def answer(client: SparkClient, text: str, model: str = PLAIN) -> str:
    said = ""
    async for event in client.chat([ChatMessage("user", text)], model):
        said += event.text if isinstance(event, Delta) else ""
    return said


async def until(api: Api, wanted: Callable[[EngineState], bool]) -> None:
    async with asyncio.timeout(10):
        while not wanted(api.engine.state):
            await asyncio.sleep(0.01)


def waiting(state: EngineState) -> int:
    return sum(r.phase == "waiting" for r in state.requests.values())


async def test_requests_wait_and_go_on_in_their_order(api: Api, owner: SparkClient) -> None:
    assert await answer(owner, "before") == "before"
    await owner.pause_serving()
    assert api.engine.state.paused
    order: list[str] = []

    async def ask(text: str) -> None:
        assert await answer(owner, text) == text
        order.append(text)

    tasks = []
    for number, text in enumerate("abc", 1):
        tasks.append(create_task(ask(text), name=text))
        await until(api, lambda state, number=number: waiting(state) == number)  # type: ignore[misc]
    reading = create_task(_embed(api), name="embed")
    await until(api, lambda state: waiting(state) == 4)
    await asyncio.sleep(0.2)
    assert not any(task.done() for task in [*tasks, reading])
    await owner.resume_serving()
    await asyncio.gather(*tasks)
    assert order == list("abc")
    assert await reading in (200, 400)
    assert not api.engine.state.paused


async def _embed(api: Api) -> int:
    async with httpx.AsyncClient(base_url=api.address) as http:
        return (await http.post("/v1/embeddings", json={"model": PLAIN, "input": "x"})).status_code


async def test_what_a_model_has_goes_on(api: Api, owner: SparkClient) -> None:
    running = asyncio.ensure_future(answer(owner, "word " * 20, SLOW))
    await until(api, lambda state: any(r.phase == "running" for r in state.requests.values()))
    await owner.pause_serving()
    assert (await running).strip() == ("word " * 20).strip()


async def test_watchers_are_told(api: Api, owner: SparkClient) -> None:
    async def told(wanted: bool) -> None:
        async for event in owner.events():
            if event == ServingPaused(wanted):
                return

    for pause, wanted in ((owner.pause_serving, True), (owner.resume_serving, False)):
        seen = create_task(told(wanted), name="watch")
        await asyncio.sleep(0.1)
        await pause()
        async with asyncio.timeout(5):
            await seen
    await owner.pause_serving()
    problems = (await owner.check_health()).problems
    assert [(p.id, p.severity, p.repair and p.repair.intent) for p in problems if p.part == "queue"] == [
        ("serving_paused", "info", "resume")
    ]
    async with httpx.AsyncClient(base_url=api.address) as http:
        assert (await http.get("/health")).status_code == 503
        await owner.resume_serving()
        assert (await http.get("/health")).status_code == 200


async def test_one_that_waits_can_be_cancelled_and_one_whose_client_leaves_is_gone(
    api: Api, owner: SparkClient
) -> None:
    await owner.pause_serving()
    held, leaving = (asyncio.ensure_future(answer(owner, text)) for text in ("held", "leaving"))
    await until(api, lambda state: waiting(state) == 2)
    leaving.cancel()
    await until(api, lambda state: waiting(state) == 1)
    (row,) = (r for r in api.engine.state.requests.values() if is_active(r))
    await owner.cancel_request(row.id)
    with pytest.raises(Exception, match="cancelled"):
        await held
    await owner.resume_serving()
    assert await answer(owner, "next") == "next"


async def test_a_paused_app_stays_paused_when_serving_goes_on(api: Api, owner: SparkClient) -> None:
    await answer(owner, "hi")
    await until(api, lambda state: bool(state.apps))
    (app,) = api.engine.state.apps
    await owner.pause_serving()
    held = asyncio.ensure_future(answer(owner, "held"))
    await until(api, lambda state: waiting(state) == 1)
    await owner.pause_app(app)
    await owner.resume_serving()
    await until(api, lambda state: state.apps[app].waiting == 1)
    await owner.resume_app(app)
    assert await held == "held"


async def test_stopping_ends_what_waits(base: BaseDir) -> None:
    async with serving_card(base, ECHO_CARD) as api:
        api.engine.apps.pause_all()
        request = GenerationRequest("r", PLAIN, TextPrompt("x"), client="test")
        held = asyncio.ensure_future(api.engine.submit(request))
        await until(api, lambda state: waiting(state) == 1)
        await api.engine.stop()
        with pytest.raises(Unavailable):
            await held


async def test_it_is_for_the_owner_and_no_get(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.address) as stranger:
        assert (await stranger.post("/spark/v1/pause")).status_code == 403
        assert (await stranger.get("/spark/v1/pause", headers=api.owner)).status_code == 405
    assert not api.engine.state.paused
