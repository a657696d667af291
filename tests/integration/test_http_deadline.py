"""`deadline_s` over HTTP: what comes too late ends, with 504 or an error event, and the model is free again."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from spark_engine.engine.engine import Engine
from spark_engine.paths import BaseDir
from spark_engine.tasks import create_task
from spark_engine.types.requests import is_active
from tests.support.openai_client import openai_client
from tests.support.real_engine import serving_card
from tests.support.scripted_engine import Api, serving
from tests.support.served import ECHO_CARD

SLOW, LOADING = "echo:slow", "echo:loading"
CARD = (
    ECHO_CARD
    + '[[variants]]\nid = "loading"\nformat = "echo"\nquantization = "none"\npath = "?load_ms=800&delay_ms=20"\n'
)
LONG = "word " * 200
MARGIN_S = 0.6


@pytest.fixture
async def api(base: BaseDir) -> AsyncIterator[Api]:
    async with serving_card(base, CARD, models_slots=1) as api:
        yield api


@pytest.fixture
async def http(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.address, timeout=60) as http:
        reply = await http.post("/v1/chat/completions", json=chat("warm"))
        assert reply.status_code == 200, reply.text
        yield http


def chat(text: str = LONG, model: str = SLOW, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


def too_late(reply: httpx.Response, seconds: str) -> None:
    """A whole reply that says that it came too late."""
    assert reply.status_code == 504, reply.text
    assert reply.headers["x-should-retry"] == "false"
    said(reply.json()["error"], seconds)


def said(error: dict[str, Any], seconds: str) -> None:
    assert (error["code"], error["type"]) == ("deadline_exceeded", "server_error")
    assert f"within the {seconds} s" in error["message"]
    assert error["title"] and error["remedy"]


async def idle(api: Api) -> None:
    """Wait until nothing runs any more."""
    async with asyncio.timeout(3):
        while any(is_active(request) for request in api.engine.state.requests.values()):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_a_whole_answer_that_comes_too_late_is_a_504(
    api: Api, http: httpx.AsyncClient, path: str
) -> None:
    body = chat() if "chat" in path else {"model": SLOW, "prompt": LONG, "max_tokens": 1000}
    began = time.perf_counter()
    too_late(await http.post(path, json=body | {"deadline_s": 0.5}), "0.5")
    assert 0.4 < time.perf_counter() - began < 0.5 + MARGIN_S
    await idle(api)
    row = list(api.engine.state.requests.values())[-1]
    assert (row.phase, row.error_code) == ("failed", "deadline_exceeded")
    began = time.perf_counter()
    assert (await http.post(path, json=chat("hi") | {"prompt": "hi", "max_tokens": 2})).status_code == 200
    assert time.perf_counter() - began < MARGIN_S, "the model still works on what nobody wants"


async def test_an_answer_in_time_is_an_ordinary_one(http: httpx.AsyncClient) -> None:
    reply = await http.post("/v1/chat/completions", json=chat("hello", deadline_s=86_400))
    assert reply.json()["choices"][0]["message"]["content"] == "hello"


@pytest.mark.parametrize("count", [1, 2])
async def test_a_stream_that_takes_too_long_ends_with_an_error(
    api: Api, http: httpx.AsyncClient, count: int
) -> None:
    reply = await http.post("/v1/chat/completions", json=chat(deadline_s=0.5, stream=True, n=count))
    assert reply.status_code == 200
    *chunks, last = [line[6:] for line in reply.text.splitlines() if line.startswith("data: ")]
    texts = [choice["delta"].get("content", "") for c in chunks for choice in json.loads(c)["choices"]]
    assert LONG.startswith("".join(texts)) and "".join(texts)
    error = json.loads(last)["error"]
    assert error["code"] == "deadline_exceeded"
    if count == 1:
        said(error, "0.5")
    await idle(api)


@pytest.mark.parametrize("stream", [True, False])
async def test_loading_counts_and_goes_on_for_the_next_one(
    api: Api, http: httpx.AsyncClient, stream: bool
) -> None:
    began = time.perf_counter()
    asked = chat("hi", LOADING, deadline_s=0.3, stream=stream)
    too_late(await http.post("/v1/chat/completions", json=asked), "0.3")
    assert time.perf_counter() - began < 0.3 + MARGIN_S
    reply = await http.post("/v1/chat/completions", json=chat("hi", LOADING, deadline_s=20))
    assert reply.json()["choices"][0]["message"]["content"] == "hi"


async def test_the_time_of_loading_is_taken_from_that_of_the_answer(http: httpx.AsyncClient) -> None:
    began = time.perf_counter()
    too_late(await http.post("/v1/chat/completions", json=chat(model=LOADING, deadline_s=2.5)), "2.5")
    assert 2.4 < time.perf_counter() - began < 2.5 + MARGIN_S


async def test_waiting_for_others_counts(api: Api, http: httpx.AsyncClient) -> None:
    busy = create_task(http.post("/v1/chat/completions", json=chat(max_tokens=90)), name="the only slot")
    await asyncio.sleep(0.2)
    too_late(await http.post("/v1/chat/completions", json=chat("hi", deadline_s=0.4)), "0.4")
    assert (await busy).status_code == 200
    await idle(api)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": ["a" * 200] * 400}),
        ("/v1/rerank", {"query": "a", "documents": ["a" * 200] * 400}),
    ],
)
async def test_texts_that_are_only_read(
    api: Api, http: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    began = time.perf_counter()
    too_late(await http.post(path, json={"model": SLOW, **body, "deadline_s": 0.3}), "0.3")
    assert time.perf_counter() - began < 0.3 + MARGIN_S
    await idle(api)
    row = list(api.engine.state.requests.values())[-1]
    assert (row.phase, row.error_code) == ("failed", "deadline_exceeded")
    await asyncio.sleep(1.5)  # a runner that works says so once a second
    assert isinstance(api.engine, Engine)
    stats = api.engine._residency.stats[SLOW]
    assert (stats.running, stats.waiting) == (0, 0), "the model still reads what nobody wants"


async def test_a_deadline_is_a_positive_number_of_seconds() -> None:
    bodies: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
        "/v1/completions": {"prompt": "hi"},
        "/v1/embeddings": {"input": "hi"},
        "/v1/rerank": {"query": "hi", "documents": ["hi"]},
    }
    async with serving() as api, httpx.AsyncClient(base_url=api.address) as http:
        for path, body in bodies.items():
            for deadline in (0, -1, 86_401, "1", True):
                reply = await http.post(path, json={"model": "auto", **body, "deadline_s": deadline})
                assert (reply.status_code, reply.json()["error"]["param"]) == (400, "deadline_s")
            reply = await http.post(path, json={"model": "auto", **body, "deadline_s": 86_400})
            assert reply.status_code == 200


async def test_openai_s_client_does_not_try_again(api: Api, http: httpx.AsyncClient) -> None:
    before = len(api.engine.state.requests)
    async with openai_client(api.address, max_retries=2) as client:
        with pytest.raises(openai.InternalServerError) as late:
            await client.chat.completions.create(
                model=SLOW, messages=[{"role": "user", "content": LONG}], extra_body={"deadline_s": 0.2}
            )
    assert late.value.code == "deadline_exceeded"
    assert len(api.engine.state.requests) == before + 1
