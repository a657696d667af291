"""Answers with a form over HTTP with the real `openai` client: a real model in a real runner."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import jsonschema
import openai
import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.support.decoders import onnx_folder
from tests.support.openai_client import openai_client
from tests.support.served import serve

NANO = "spark-nano:onnx-int4"
ASK: Any = [{"role": "user", "content": "Describe a fox as JSON."}]
HOT: dict[str, Any] = {"temperature": 1.5, "max_tokens": 900}


class Closed(BaseModel):
    """Nothing but its fields: whatever is drawn has an end."""

    model_config = ConfigDict(extra="forbid")


class Part(Closed):
    kind: Literal["tail", "paw", "ear"]
    length: int = Field(ge=0, le=99)


class Animal(Closed):
    name: str = Field(max_length=20)
    wild: bool
    parts: list[Part] = Field(max_length=3)


SCHEMA = Animal.model_json_schema()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    onnx_folder()
    with serve(tmp_path_factory.mktemp("spark"), models_preload="false") as served:
        yield served.address


@pytest.fixture
async def client(address: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai_client(address) as client:
        yield client


async def test_the_client_parses_an_answer_into_a_pydantic_model(client: openai.AsyncOpenAI) -> None:
    for seed in range(5):
        answer = await client.chat.completions.parse(
            model=NANO, messages=ASK, response_format=Animal, seed=seed, **HOT
        )
        assert answer.choices[0].finish_reason == "stop"
        assert isinstance(answer.choices[0].message.parsed, Animal)


async def test_a_stream_is_parsed_too(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(
        model=NANO, messages=ASK, response_format=Animal, seed=4, **HOT
    ) as stream:
        deltas = [event.delta async for event in stream if event.type == "content.delta"]
        whole = await stream.get_final_completion()
    assert len(deltas) > 1
    assert isinstance(whole.choices[0].message.parsed, Animal)
    assert json.loads("".join(deltas)) == json.loads(whole.choices[0].message.content or "")


FORMS: dict[str, dict[str, Any]] = {
    "json_schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    },
    "guided_json": {"extra_body": {"guided_json": SCHEMA}},
    "guided_json as text": {"extra_body": {"guided_json": json.dumps(SCHEMA)}},
    "grammar": {"extra_body": {"grammar": {"type": "json_schema", "value": SCHEMA}}},
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_way_to_give_a_schema(client: openai.AsyncOpenAI, form: str) -> None:
    given = FORMS[form]
    answer = await client.chat.completions.create(model=NANO, messages=ASK, seed=1, **HOT, **given)
    jsonschema.validate(json.loads(answer.choices[0].message.content or ""), SCHEMA)
    extra = given.get("extra_body") or given
    text = await client.completions.create(model=NANO, prompt="A fox: ", seed=1, extra_body=extra, **HOT)
    jsonschema.validate(json.loads(text.choices[0].text), SCHEMA)


async def test_json_mode_gives_an_object(client: openai.AsyncOpenAI) -> None:
    ended = 0
    for seed in range(4):
        answer = await client.chat.completions.create(
            model=NANO,
            messages=ASK,
            response_format={"type": "json_object"},
            seed=seed,
            temperature=0.7,
            max_tokens=900,
        )
        if answer.choices[0].finish_reason == "stop":
            ended += 1
            assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)
    assert ended


@pytest.mark.parametrize(
    ("extra", "pattern"),
    [
        ({"guided_regex": "[a-z]{2,8}-[0-9]{2}"}, "[a-z]{2,8}-[0-9]{2}"),
        ({"guided_choice": ["yes", "no"]}, "yes|no"),
        ({"guided_grammar": 'start: "<" WORD ">"\nWORD: /[a-z]{1,6}/'}, "<[a-z]{1,6}>"),
        ({"grammar": 'root ::= "<" [a-z] [a-z]? ">"'}, "<[a-z]{1,2}>"),
        ({"grammar": {"type": "regex", "value": "x{3}"}}, "xxx"),
        ({"grammar": {"type": "lark", "value": 'start: "y"{2}'}}, "yy"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_other_forms(client: openai.AsyncOpenAI, extra: dict[str, Any], pattern: str) -> None:
    for seed in range(3):
        answer = await client.chat.completions.create(
            model=NANO, messages=ASK, seed=seed, extra_body=extra, **HOT
        )
        assert re.fullmatch(pattern, answer.choices[0].message.content or "")
        assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"guided_regex": "(a"}, "guided_regex"),
        ({"grammar": "start: nowhere"}, "grammar"),
        ({"guided_json": "nonsense"}, "guided_json"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "x"}}}},
            "response_format",
        ),
        ({"response_format": {"type": "json_object", "schema": {"not": {}}}}, "response_format"),
    ],
)
async def test_what_is_no_grammar_is_refused_before_the_first_byte(
    client: openai.AsyncOpenAI, fields: dict[str, Any], param: str
) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model=NANO, messages=ASK, stream=stream, extra_body=fields)
        assert refused.value.param == param
        assert refused.value.code in ("bad_grammar", "bad_schema")


async def test_what_cannot_be_enforced_may_be_ignored(client: openai.AsyncOpenAI) -> None:
    schema = SCHEMA | {"not": {"required": ["x"]}}
    for strict in (False, True):
        asked = client.chat.completions.create(
            model=NANO,
            messages=ASK,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": schema, "strict": strict},
            },
            seed=1,
            **HOT,
        )
        if strict:
            with pytest.raises(openai.BadRequestError):
                await asked
        else:
            Animal.model_validate_json((await asked).choices[0].message.content or "")


async def test_log_probabilities_and_stop_texts_go_with_a_grammar(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model=NANO,
        messages=ASK,
        logprobs=True,
        top_logprobs=2,
        temperature=0,
        stop=["c"],
        extra_body={"guided_choice": ["abcd"]},
    )
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("ab", "stop")
    assert choice.logprobs is not None
    assert choice.logprobs.content
    assert all(len(entry.top_logprobs) == 2 for entry in choice.logprobs.content)
    assert all(entry.logprob <= 0 for entry in choice.logprobs.content)
