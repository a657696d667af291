"""Spark's own calls about offers, targets and duplicates: answers, faults, and a search that can be left."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import httpx
import pytest

from spark_engine.client.endpoint import Endpoint
from spark_engine.client.http import SparkClient
from spark_engine.types.conversions import ConversionTarget
from spark_engine.types.duplicates import Compared, Comparing, DuplicateGroup
from spark_engine.types.hub import TokenReport
from tests.support.scripted_engine import Api, ScriptedEngine, serving


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as api:
        yield api


@pytest.fixture
async def client(api: Api) -> AsyncIterator[SparkClient]:
    async with SparkClient(Endpoint(api.address, api.token, 1, "0"), caller="test") as client:
        yield client


def scripted(api: Api) -> ScriptedEngine:
    assert isinstance(api.engine, ScriptedEngine)
    return api.engine


async def test_the_client_hears_what_the_engine_says(api: Api, client: SparkClient) -> None:
    offer = await client.offers("org/actor:big")
    assert [(v.name, v.component) for v in offer.variants] == [("org/actor:big", "gguf")]
    assert scripted(api).commands == [("offers", "org/actor:big")]
    target = ConversionTarget("actor:gguf-q8_0", "gguf", "Q8_0", 5, missing=("gguf",))
    assert await client.targets("actor:plain") == (target,)
    assert await client.hub_token() == TokenReport("https://hub.test")
    assert (await client.set_hub_token("hf_x")).kept == "file"
    assert scripted(api).library.token == "hf_x"
    assert (await client.forget_hub_token()).kept is None


async def test_a_search_says_how_far_it_is_and_what_it_found(api: Api, client: SparkClient) -> None:
    said = [event async for event in client.search_duplicates()]
    assert said[-1] == Compared(())
    assert Comparing(1, 2) in said[:-1]


async def test_leaving_ends_the_search(
    api: Api, client: SparkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def endless(report: Callable[[int, int], None]) -> list[DuplicateGroup]:
        report(3, 10)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return []

    monkeypatch.setattr(scripted(api).library, "duplicates", endless)
    async with aclosing(client.search_duplicates()) as search:
        async for event in search:
            if event == Comparing(3, 10):
                break
    await asyncio.wait_for(ended.wait(), 10)


@pytest.mark.parametrize(
    ("method", "path", "body", "param"),
    [
        ("POST", "hub/offers", {}, "ref"),
        ("POST", "hub/offers", {"ref": ""}, "ref"),
        ("POST", "hub/offers", {"ref": "a", "model": "b"}, "model"),
        ("PUT", "hub/token", {"token": 7}, "token"),
    ],
)
async def test_a_wrong_body_names_its_field(
    api: Api, method: str, path: str, body: object, param: str
) -> None:
    async with httpx.AsyncClient(base_url=api.address + "/spark/v1/", headers=api.owner) as http:
        reply = await http.request(method, path, json=body)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


async def test_strangers_may_not_ask(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.address + "/spark/v1/") as http:
        replies = [
            await http.get(path) for path in ("models/actor/targets", "duplicates/events", "hub/token")
        ]
    assert {reply.status_code for reply in replies} == {403}
