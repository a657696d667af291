"""The real `openai` client, sync and async, against the real engine with the echo model in a real runner."""

import asyncio
from collections.abc import AsyncIterator

import openai
import pytest

from spark_engine.paths import BaseDir
from tests.support.openai_client import openai_client
from tests.support.real_engine import serving_card
from tests.support.scripted_engine import Api
from tests.support.served import ECHO_CARD

PLAIN = "echo:plain"


@pytest.fixture
async def api(base: BaseDir) -> AsyncIterator[Api]:
    async with serving_card(base, ECHO_CARD) as api:
        yield api


@pytest.fixture
async def client(api: Api) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai_client(api.address) as client:
        yield client


async def test_models_are_listed_and_shown(client: openai.AsyncOpenAI) -> None:
    ids = {model.id async for model in client.models.list()}
    assert {"echo", "echo:plain", "echo:slow"} <= ids
    assert not any(i.startswith("phi-4-mini") for i in ids), "only what is installed is listed"
    shown = await client.models.retrieve(PLAIN)
    assert (shown.id, shown.object, shown.owned_by) == (PLAIN, "model", "spark")
    with pytest.raises(openai.NotFoundError) as refused:
        await client.models.retrieve("phi-4-mini")
    assert refused.value.code == "model_not_found"


async def test_a_chat_answer_as_a_whole(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="echo", messages=[{"role": "user", "content": "Say this"}], max_tokens=50, seed=1
    )
    assert answer.choices[0].message.content == "Say this"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == PLAIN
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details is not None
    extra = answer.model_extra or {}
    assert extra["spark"] == {"model": PLAIN, "device": "echo"}
    assert extra["timings"]["first_token_ms"] > 0
    type(answer).model_validate(answer.model_dump(), strict=True)


async def test_a_chat_answer_as_a_stream(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=PLAIN,
        messages=[{"role": "user", "content": "Stream this, please"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Stream this, please"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    for chunk in chunks:
        type(chunk).model_validate(chunk.model_dump(), strict=True)


async def test_max_tokens_cuts_and_says_so(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=PLAIN, messages=[{"role": "user", "content": "one two three four"}], max_completion_tokens=2
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 2


async def test_a_completion_whole_and_streamed(client: openai.AsyncOpenAI) -> None:
    whole = await client.completions.create(model=PLAIN, prompt="raw text", max_tokens=20)
    stream = await client.completions.create(model=PLAIN, prompt="raw text", max_tokens=20, stream=True)
    chunks = [chunk async for chunk in stream]
    assert whole.choices[0].text
    assert "".join(c.choices[0].text for c in chunks) == whole.choices[0].text
    assert chunks[-1].choices[0].finish_reason == whole.choices[0].finish_reason


async def test_errors_arrive_as_the_client_s_own(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model=PLAIN, messages=[])
    assert refused.value.param == "messages"
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.chat.completions.create(model="nobody", messages=[{"role": "user", "content": "hi"}])
    assert unknown.value.param == "model"
    with pytest.raises(openai.BadRequestError) as too_long:
        await client.chat.completions.create(model=PLAIN, messages=[{"role": "user", "content": "a" * 9000}])
    assert too_long.value.code == "context_length_exceeded"


async def test_the_blocking_client_works_the_same(api: Api) -> None:
    def ask() -> tuple[str | None, str]:
        with openai.OpenAI(base_url=f"{api.address}/v1", api_key="none", max_retries=0) as client:
            answer = client.chat.completions.create(
                model="echo", messages=[{"role": "user", "content": "Hello"}]
            )
            stream = client.chat.completions.create(
                model=PLAIN, messages=[{"role": "user", "content": "Hello"}], stream=True
            )
            return answer.choices[0].message.content, "".join(
                c.choices[0].delta.content or "" for c in stream
            )

    assert await asyncio.to_thread(ask) == ("Hello", "Hello")


async def test_auto_is_answered_by_what_spark_chose(api: Api, client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "Hello"}], max_tokens=8
    )
    assert answer.model == api.engine.state.default_model
    assert answer.choices[0].message.content
    assert (await client.models.retrieve("auto")).id == answer.model


async def test_many_clients_at_once_each_get_their_own_answer(client: openai.AsyncOpenAI) -> None:
    async def ask(text: str) -> str | None:
        answer = await client.chat.completions.create(
            model=PLAIN, messages=[{"role": "user", "content": text}]
        )
        return answer.choices[0].message.content

    texts = [f"message number {n} " + "x" * n for n in range(24)]
    assert await asyncio.gather(*map(ask, texts)) == texts
