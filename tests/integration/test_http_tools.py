"""Tools over HTTP with the real `openai` client: a real model in a real runner, streamed and whole."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import jsonschema
import openai
import pytest
from openai import pydantic_function_tool
from pydantic import BaseModel, Field

from tests.support.decoders import onnx_folder
from tests.support.openai_client import openai_client
from tests.support.served import serve

NANO = "spark-nano:onnx-int4"
ASK = [{"role": "user", "content": "What is the weather in Paris?"}]


class GetWeather(BaseModel):
    """Tells the weather of a city."""

    city: str = Field(max_length=30)
    unit: Literal["celsius", "fahrenheit"]


class Add(BaseModel):
    """Adds two numbers."""

    a: int
    b: int


TOOLS: Any = [pydantic_function_tool(GetWeather, name="get_weather"), pydantic_function_tool(Add, name="add")]
MODELS: dict[str, type[BaseModel]] = {"get_weather": GetWeather, "add": Add}
HOT: dict[str, Any] = {"temperature": 1.5, "max_tokens": 900}
LETTERS = {"guided_regex": "[a-z ]{12,30}"}  # something that no model is sure of
NAMED = {"type": "function", "function": {"name": "add"}}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    onnx_folder()
    with serve(tmp_path_factory.mktemp("spark"), models_preload="false") as served:
        yield served.address


@pytest.fixture
async def client(address: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai_client(address) as client:
        yield client


def check(name: str, arguments: str) -> None:
    MODELS[name].model_validate_json(arguments, strict=True)
    schema = next(tool["function"]["parameters"] for tool in TOOLS if tool["function"]["name"] == name)
    jsonschema.validate(json.loads(arguments), schema)


async def test_a_required_tool_is_called_and_fits(client: openai.AsyncOpenAI) -> None:
    for seed in range(6):
        answer = await client.chat.completions.create(
            model=NANO, messages=ASK, tools=TOOLS, tool_choice="required", seed=seed, **HOT
        )
        (choice,) = answer.choices
        assert choice.finish_reason == "tool_calls"
        assert choice.message.content is None
        assert choice.message.tool_calls
        for call in choice.message.tool_calls:
            assert call.type == "function"
            check(call.function.name, call.function.arguments)
        type(answer).model_validate(answer.model_dump(), strict=True)


async def test_a_required_tool_is_streamed_in_pieces(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=NANO,
        messages=ASK,
        tools=TOOLS,
        tool_choice="required",
        stream=True,
        seed=1,
        stream_options={"include_usage": True},
        **HOT,
    )
    chunks = [chunk async for chunk in stream]
    pieces = [piece for c in chunks if c.choices for piece in c.choices[0].delta.tool_calls or ()]
    names, arguments, ids = {}, dict.fromkeys({p.index for p in pieces}, ""), set()
    for piece in pieces:
        assert piece.function is not None
        if piece.id:
            assert piece.index not in names, "id and name come once, first"
            names[piece.index], _ = piece.function.name, ids.add(piece.id)
        arguments[piece.index] += piece.function.arguments or ""
    assert sorted(names) == list(range(len(names)))
    assert len(ids) == len(names)
    for index, name in names.items():
        assert name is not None
        check(name, arguments[index])
    assert len(pieces) > len(names), "arguments come as they are written"
    assert not any(c.choices[0].delta.content for c in chunks if c.choices)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "tool_calls"
    assert chunks[-1].usage is not None
    for chunk in chunks:
        type(chunk).model_validate(chunk.model_dump(), strict=True)


async def test_a_named_tool_is_the_one(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=NANO, messages=ASK, tools=TOOLS, tool_choice=NAMED, parallel_tool_calls=False, seed=3, **HOT
    )
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "add"
    check("add", call.function.arguments)


async def test_the_client_s_own_parser_takes_the_calls(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(
        model=NANO, messages=ASK, tools=TOOLS, tool_choice="required", seed=2, **HOT
    )
    for call in answer.choices[0].message.tool_calls or ():
        assert isinstance(call.function.parsed_arguments, MODELS[call.function.name])
    assert answer.choices[0].message.tool_calls
    async with client.chat.completions.stream(
        model=NANO, messages=ASK, tools=TOOLS, tool_choice="required", seed=2, **HOT
    ) as stream:
        done = [event async for event in stream if event.type == "tool_calls.function.arguments.done"]
        whole = await stream.get_final_completion()
    calls = whole.choices[0].message.tool_calls or []
    assert [event.name for event in done] == [call.function.name for call in calls]
    assert all(isinstance(call.function.parsed_arguments, MODELS[call.function.name]) for call in calls)


async def test_the_model_decides_and_the_conversation_goes_on(client: openai.AsyncOpenAI) -> None:
    messages: Any = list(ASK)
    answer = await client.chat.completions.create(
        model=NANO, messages=messages, tools=TOOLS, temperature=0, max_tokens=200
    )
    (choice,) = answer.choices
    if choice.message.tool_calls:
        assert choice.finish_reason == "tool_calls"
        for call in choice.message.tool_calls:
            assert call.type == "function"
            check(call.function.name, call.function.arguments)
    else:
        assert choice.message.content
    call_made = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
    messages += [
        {"role": "assistant", "content": None, "tool_calls": [call_made]},
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
    ]
    after = await client.chat.completions.create(
        model=NANO, messages=messages, tools=TOOLS, tool_choice="none", temperature=0, max_tokens=60
    )
    assert after.choices[0].message.tool_calls is None
    assert after.choices[0].finish_reason in ("stop", "length")


async def test_a_schema_that_cannot_be_kept_is_refused_by_its_place(client: openai.AsyncOpenAI) -> None:
    function = {"name": "f", "parameters": {"type": "object", "not": {"required": ["x"]}}}
    tools: Any = [*TOOLS, {"type": "function", "function": function}]
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(
                model=NANO, messages=ASK, tools=tools, tool_choice="required", stream=stream
            )
        assert refused.value.param == "tools[2].function.parameters"
    free = await client.chat.completions.create(model=NANO, messages=ASK, tools=tools, max_tokens=4)
    assert free.usage is not None


async def test_several_answers_share_a_prompt(client: openai.AsyncOpenAI) -> None:
    async def ask(**fields: Any) -> Any:
        return await client.chat.completions.create(
            model=NANO, messages=ASK, n=3, seed=7, temperature=2, extra_body=LETTERS, **fields
        )

    answer, again = await ask(), await ask()
    texts = [choice.message.content for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len(set(texts)) > 1
    assert texts == [choice.message.content for choice in again.choices]
    alone = await client.chat.completions.create(
        model=NANO, messages=ASK, seed=8, temperature=2, extra_body=LETTERS
    )
    assert alone.choices[0].message.content == texts[1], "the second has the next seed"
    assert answer.usage.prompt_tokens == alone.usage.prompt_tokens
    told = {0: "", 1: "", 2: ""}
    reasons = {}
    async for chunk in await ask(stream=True):
        for choice in chunk.choices:
            told[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
        last = chunk
    assert list(told.values()) == texts
    assert reasons == {c.index: c.finish_reason for c in answer.choices}
    assert last.usage.completion_tokens == answer.usage.completion_tokens


async def test_several_continuations_of_a_text(client: openai.AsyncOpenAI) -> None:
    answer = await client.completions.create(model=NANO, prompt="Once", n=2, seed=1, max_tokens=8)
    stream = await client.completions.create(
        model=NANO, prompt="Once", n=2, seed=1, max_tokens=8, stream=True
    )
    told = ["", ""]
    async for chunk in stream:
        for choice in chunk.choices:
            told[choice.index] += choice.text
    assert told == [choice.text for choice in answer.choices]


async def test_several_calling_answers_at_once(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=NANO, messages=ASK, tools=TOOLS, tool_choice="required", n=4, seed=1, **HOT
    )
    ids = set()
    for choice in answer.choices:
        assert choice.finish_reason == "tool_calls"
        for call in choice.message.tool_calls or ():
            assert call.type == "function"
            check(call.function.name, call.function.arguments)
            ids.add(call.id)
    assert len(ids) >= 4
