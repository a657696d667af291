"""Embeddings and rankings over HTTP: the real `openai` client against the real engine with real runners."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from spark_engine.engine.engine import Engine
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.requests import is_active
from tests.support.decoders import onnx_folder
from tests.support.openai_client import openai_client
from tests.support.real_engine import serving_card
from tests.support.scripted_engine import Api, ScriptedEngine, serving
from tests.support.served import ECHO_CARD
from tests.support.tiny_bert import write_bert

PLAIN, SLOW, NANO = "echo:plain", "echo:slow", "spark-nano:onnx-int4"
BERT, JUDGE = "tiny-bert:onnx", "tiny-judge:safetensors"


@pytest.fixture
async def api(base: BaseDir) -> AsyncIterator[Api]:
    async with serving_card(base, ECHO_CARD) as api:
        yield api


@pytest.fixture
async def client(api: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai_client(api.address) as client:
        yield client


@pytest.fixture
async def http(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.address, timeout=60) as http:
        yield http


@pytest.fixture
async def made_for_it(base: BaseDir, api: Api) -> None:
    """A model that embeds and one that scores, beside those that write."""
    write_bert(base.models / "tiny-bert" / "onnx", "onnx")
    write_bert(base.models / "tiny-judge" / "safetensors", "safetensors", "reranker")
    await api.engine.library.rescan()


def refused(reply: httpx.Response, code: str, status: int = 400) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    error: dict[str, Any] = reply.json()["error"]
    assert error["code"] == code
    assert error["title"]
    assert error["message"]
    return error


async def test_the_client_gets_unit_vectors_in_the_order_of_its_texts(client: openai.AsyncOpenAI) -> None:
    texts = ["hello there", "something else entirely", "hello there"]
    reply = await client.embeddings.create(model="echo", input=texts)
    assert [item.index for item in reply.data] == [0, 1, 2]
    assert reply.model == PLAIN
    first, second, third = (np.array(item.embedding) for item in reply.data)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(first, third)
    assert first @ second < 0.95
    assert reply.usage.prompt_tokens == reply.usage.total_tokens == sum(len(text) + 1 for text in texts)
    extra = reply.model_extra or {}
    assert extra["spark"] == {"model": PLAIN, "device": "echo"}
    assert extra["timings"]["load_ms"] > 0
    type(reply).model_validate(reply.model_dump(), strict=True)


async def test_base64_and_numbers_say_the_same(client: openai.AsyncOpenAI) -> None:
    numbers = await client.embeddings.create(model=PLAIN, input="hello", encoding_format="float")
    by_default = await client.embeddings.create(model=PLAIN, input="hello")
    coded = await client.embeddings.create(model=PLAIN, input="hello", encoding_format="base64")
    assert isinstance(coded.data[0].embedding, str)
    decoded = np.frombuffer(base64.b64decode(coded.data[0].embedding), "<f4")
    assert np.linalg.norm(decoded) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(decoded, np.array(numbers.data[0].embedding, np.float32))
    np.testing.assert_array_equal(decoded, np.array(by_default.data[0].embedding, np.float32))


async def test_text_and_its_tokens_alone_or_in_lists_give_the_same_vector(client: openai.AsyncOpenAI) -> None:
    tokens = [*b"hi", 259]  # as the echo's vocabulary frames raw text
    alone = await client.embeddings.create(model=PLAIN, input="hi")
    asked: list[Any] = [["hi"], tokens, [tokens]]
    for given in asked:
        reply = await client.embeddings.create(model=PLAIN, input=given)
        assert [item.embedding for item in reply.data] == [alone.data[0].embedding]


async def test_fewer_dimensions(client: openai.AsyncOpenAI) -> None:
    whole = await client.embeddings.create(model=PLAIN, input="hello")
    short = await client.embeddings.create(model=PLAIN, input="hello", dimensions=110)
    expected = np.array(whole.data[0].embedding[:110])
    np.testing.assert_allclose(short.data[0].embedding, expected / np.linalg.norm(expected), rtol=1e-6)
    with pytest.raises(openai.BadRequestError) as too_many:
        await client.embeddings.create(model=PLAIN, input="hello", dimensions=1000)
    assert too_many.value.param == "dimensions"
    assert "261" in too_many.value.message


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({"input": ""}, "input", "must not be empty"),
        ({"input": []}, "input", "must not be empty"),
        ({"input": ["fine", ""]}, "input[1]", "must not be empty"),
        ({"input": [[1], []]}, "input[1]", "must not be empty"),
        ({"input": ["a"] * 2049}, "input", "at most 2048"),
        ({"input": 5}, "input", "text, token ids"),
        ({"input": ["a", 5]}, "input[1]", "text"),
        ({"input": [5, "a"]}, "input[1]", "whole number"),
        ({"input": [-1]}, "input[0]", "at least 0"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format", "base64"),
        ({"input": "a", "dimensions": 0}, "dimensions", "at least 1"),
        ({}, "input", "required"),
        ({"input": [999]}, "input", "0 to 260"),
        ({"input": ["a", "x" * 4096]}, "input", "input[1] has 4097 tokens; this model reads up to 4096"),
    ],
)
async def test_what_cannot_be_embedded_is_refused_in_plain_words(
    http: httpx.AsyncClient, body: dict[str, Any], param: str, says: str
) -> None:
    reply = await http.post("/v1/embeddings", json={"model": PLAIN, **body})
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert error["param"] == param
    assert says in error["message"]


async def test_models_that_are_not_there(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.embeddings.create(model="text-embedding-3-small", input="hello")
    assert unknown.value.code == "model_not_found"


async def test_spark_nano_embeds_and_ranks(client: openai.AsyncOpenAI, http: httpx.AsyncClient) -> None:
    onnx_folder()
    reply = await client.embeddings.create(model="auto", input=["How do I load a model?", "tea"])
    assert reply.model == NANO
    assert np.linalg.norm(reply.data[1].embedding) == pytest.approx(1, abs=1e-5)
    ranked = await http.post(
        "/v1/rerank", json={"model": NANO, "query": "load a model", "documents": ["tea", "load a model"]}
    )
    assert [result["index"] for result in ranked.json()["results"]] == [1, 0]
    assert ranked.json()["results"][0]["relevance_score"] == pytest.approx(1, abs=1e-5)


async def test_a_ranking_has_the_best_first_and_repeats_what_is_wanted(http: httpx.AsyncClient) -> None:
    body = {"model": PLAIN, "query": "aaa", "documents": ["zzz", {"text": "aaa", "title": "x"}, "aaz"]}
    reply = (await http.post("/v1/rerank", json=body)).json()
    assert [(r["index"], r["document"]["text"]) for r in reply["results"]] == [
        (1, "aaa"),
        (2, "aaz"),
        (0, "zzz"),
    ]
    scores = [r["relevance_score"] for r in reply["results"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1)
    assert reply["usage"] == {"prompt_tokens": 16, "total_tokens": 16}
    assert reply["model"] == PLAIN
    short = (await http.post("/v1/rerank", json={**body, "top_n": 1, "return_documents": False})).json()
    assert short["results"] == [{"index": 1, "relevance_score": scores[0]}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": ["a", {"title": "no text"}]}, "documents[1].text"),
        ({"documents": ["a", 7]}, "documents[1]"),
        ({"top_n": 0}, "top_n"),
        ({"documents": ["a", "x" * 5000]}, "documents"),
    ],
)
async def test_a_wrong_ranking_is_refused(
    http: httpx.AsyncClient, fields: dict[str, Any], param: str
) -> None:
    body = {"model": PLAIN, "query": "a", "documents": ["b"], **fields}
    reply = await http.post("/v1/rerank", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param


async def test_a_card_says_how_vectors_are_made(api: Api, base: BaseDir, client: openai.AsyncOpenAI) -> None:
    card = ECHO_CARD.replace('id = "echo"', 'id = "lastly"\npooling = "last"')
    (base.root / "model_cards" / "lastly.toml").write_text(card)
    await api.engine.library.rescan()
    reply = await client.embeddings.create(model="lastly", input="hello")
    assert np.count_nonzero(reply.data[0].embedding) == 1


@pytest.mark.component("torch")
async def test_models_made_for_it_are_preferred_and_found_by_their_files(
    made_for_it: None, client: openai.AsyncOpenAI, http: httpx.AsyncClient
) -> None:
    texts = ["the cat sat on the mat", "tea is hot", "the dog sat on the rug"]
    reply = await client.embeddings.create(model="auto", input=texts)
    assert reply.model == BERT
    assert len(reply.data[0].embedding) == 32
    one_by_one = [await client.embeddings.create(model=BERT, input=text) for text in texts]
    for together, alone in zip(reply.data, one_by_one, strict=True):
        np.testing.assert_allclose(together.embedding, alone.data[0].embedding, atol=1e-5)
    ranked = await http.post("/v1/rerank", json={"model": "auto", "query": "cat", "documents": texts})
    assert ranked.json()["model"] == JUDGE
    assert all(0 < result["relevance_score"] < 1 for result in ranked.json()["results"])
    by_vectors = await http.post("/v1/rerank", json={"model": BERT, "query": texts[0], "documents": texts})
    assert by_vectors.json()["results"][0]["index"] == 0


@pytest.mark.component("torch")
async def test_a_model_is_not_asked_for_what_it_cannot_do(
    made_for_it: None, api: Api, client: openai.AsyncOpenAI, http: httpx.AsyncClient
) -> None:
    question = {"model": BERT, "messages": [{"role": "user", "content": "hello"}]}
    error = refused(await http.post("/v1/chat/completions", json=question), "model_cannot_generate")
    assert error["param"] == "model"
    refused(await http.post("/v1/embeddings", json={"model": JUDGE, "input": "x"}), "model_cannot_embed")
    assert api.engine.state.default_model not in (BERT, JUDGE)
    with pytest.raises(openai.BadRequestError) as too_long:
        await client.embeddings.create(model=BERT, input="cat " * 100)
    assert "input has 102 tokens; this model reads up to 48" in too_long.value.message


async def test_a_request_is_shown_counted_and_can_be_cancelled(
    api: Api, client: openai.AsyncOpenAI, http: httpx.AsyncClient
) -> None:
    await client.embeddings.create(model=SLOW, input="warm")
    done = next(iter(api.engine.state.requests.values()))
    assert (done.phase, done.usage.prompt_tokens) == ("finished", 5)
    metrics = (await http.get("/metrics")).text
    assert f'spark_requests_total{{model="{SLOW}",outcome="finished"}} 1.0' in metrics
    assert f'spark_prompt_tokens_total{{model="{SLOW}"}} 5.0' in metrics
    waiting = asyncio.gather(
        client.embeddings.create(model=SLOW, input=["x" * 4000] * 200), return_exceptions=True
    )
    running = await _running(api)
    api.engine.cancel(running)
    async with asyncio.timeout(20):
        (cancelled,) = await waiting
    assert isinstance(cancelled, openai.ConflictError)
    assert cancelled.code == "cancelled"
    assert api.engine.state.requests[running].phase == "cancelled"


async def test_a_client_that_leaves_stops_the_reading(api: Api, client: openai.AsyncOpenAI) -> None:
    waiting = create_task(client.embeddings.create(model=SLOW, input=["x" * 4000] * 900), name="embed")
    running = await _running(api)
    await cancel_and_wait(waiting)
    async with asyncio.timeout(20):
        while is_active(api.engine.state.requests[running]):
            await asyncio.sleep(0.01)
        assert api.engine.state.requests[running].phase == "cancelled"
        # The runner, which would have read for minutes, has nothing to do either.
        assert isinstance(api.engine, Engine)
        while (stats := api.engine._residency.stats.get(SLOW)) is None or stats.running:
            await asyncio.sleep(0.01)


async def test_a_client_that_leaves_before_the_model_is_there_is_withdrawn() -> None:
    never = asyncio.Event()
    engine = ScriptedEngine(before=never.wait)
    async with serving(engine) as api:
        async with httpx.AsyncClient(base_url=api.address) as http:
            for path, fields in (
                ("embeddings", {"input": "a"}),
                ("rerank", {"query": "a", "documents": ["b"]}),
            ):
                body = {"model": "actor", **fields}
                waiting = create_task(http.post(f"/v1/{path}", json=body), name=path)
                await asyncio.sleep(0.2)
                await cancel_and_wait(waiting)
        async with asyncio.timeout(10):
            while len(engine.withdrawn) < 2:
                await asyncio.sleep(0.01)


async def test_a_stream_goes_on_while_texts_are_read(client: openai.AsyncOpenAI) -> None:
    await client.embeddings.create(model=SLOW, input="warm")
    stream = await client.chat.completions.create(
        model=SLOW, messages=[{"role": "user", "content": "x" * 40}], stream=True
    )
    reading = create_task(client.embeddings.create(model=SLOW, input=["y" * 4000] * 500), name="embed")
    async with asyncio.timeout(60):
        chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "x" * 40
    assert not reading.done(), "the stream had to wait for the texts"
    await cancel_and_wait(reading)


async def _running(api: Api) -> str:
    """The id of the one request that runs, when it does."""
    async with asyncio.timeout(30):
        while True:
            running = [r.id for r in api.engine.state.requests.values() if r.phase == "running"]
            if running:
                return running[0]
            await asyncio.sleep(0.01)
