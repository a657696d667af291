"""OpenAI's bodies as Spark's requests: what is given counts, what is not comes from the model's card."""

import json
from typing import Any

import pytest

from spark_engine.api.openai.convert import chat_request, completion_request
from spark_engine.api.openai.schema import ChatCompletionRequest, CompletionRequest
from spark_engine.errors import InvalidRequest
from spark_engine.types.chat import (
    ChatMessage,
    ChatPrompt,
    TextPrompt,
    TokensPrompt,
    Tool,
    ToolCall,
    ToolChoice,
)
from spark_engine.types.generation import (
    ChoiceGrammar,
    GenerationRequest,
    JsonObjectGrammar,
    JsonSchemaGrammar,
    LarkGrammar,
    RegexGrammar,
    SamplingOptions,
    StopRules,
)

CARD = SamplingOptions(temperature=0.3, top_k=40)


def chat(**fields: Any) -> GenerationRequest:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]} | fields
    return chat_request(ChatCompletionRequest.model_validate(body), CARD, "tester/1")


def complete(**fields: Any) -> GenerationRequest:
    return completion_request(CompletionRequest.model_validate({"model": "auto"} | fields), CARD, "")


def test_what_is_not_said_comes_from_the_card() -> None:
    request = chat()
    assert request.sampling == CARD
    assert request.stop == StopRules()
    assert request.client == "tester/1"
    assert request.id.startswith("chatcmpl-")


def test_null_says_nothing_and_zero_says_zero() -> None:
    assert chat(temperature=None, top_k=None, stop=None, seed=None).sampling == CARD
    assert chat(temperature=0, top_k=0).sampling == SamplingOptions(temperature=0, top_k=0)


def test_every_sampling_field_arrives() -> None:
    given: dict[str, Any] = {
        "temperature": 0.5, "top_k": 5, "top_p": 0.9, "min_p": 0.1, "repetition_penalty": 1.1,
        "presence_penalty": 0.2, "frequency_penalty": -0.2, "seed": 7,
    }  # fmt: skip
    sampling = chat(**given, logit_bias={"5": -100, "17": 3.5}, logprobs=True, top_logprobs=4).sampling
    assert sampling == SamplingOptions(**given, logit_bias={5: -100, 17: 3.5}, logprobs=4)


def test_log_probabilities_are_counted_per_dialect() -> None:
    assert chat().sampling.logprobs is None
    assert chat(logprobs=False).sampling.logprobs is None
    assert chat(logprobs=True).sampling.logprobs == 0
    assert complete(prompt="x", logprobs=3).sampling.logprobs == 3


def test_top_k_minus_one_switches_it_off() -> None:
    assert chat(top_k=-1).sampling.top_k == 0


def test_stop_rules() -> None:
    rules = chat(stop="a", max_tokens=9, min_tokens=2, ignore_eos=True).stop
    assert rules == StopRules(9, 2, ("a",), True)
    assert chat(stop=["a", "b"]).stop.stop == ("a", "b")
    assert chat(stop=[]).stop.stop == ()


def test_the_newer_name_of_max_tokens_wins() -> None:
    assert chat(max_completion_tokens=5, max_tokens=9).stop.max_tokens == 5


def test_deadline_and_truncation_are_off_unless_asked_for() -> None:
    for request in (chat(), chat(truncation=None, deadline_s=None), complete(prompt="x")):
        assert (request.deadline_s, request.truncation) == (None, "disabled")
    for request in (
        chat(truncation="auto", deadline_s=2),
        complete(prompt="x", truncation="auto", deadline_s=2),
    ):
        assert (request.deadline_s, request.truncation) == (2.0, "auto")


def test_a_completion_has_openai_s_short_default() -> None:
    assert complete(prompt="x").stop.max_tokens == 16


def test_messages_are_flattened() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    request = chat(
        messages=[
            {
                "role": "developer",
                "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind."}],
            },
            {"role": "user", "content": "hi", "name": "Ann"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "4", "tool_call_id": "c1"},
        ]
    )
    assert request.prompt == ChatPrompt(
        (
            ChatMessage("system", "Be kind."),
            ChatMessage("user", "hi", "Ann"),
            ChatMessage("assistant", "", None, (ToolCall("c1", "f", "{}"),)),
            ChatMessage("tool", "4", tool_call_id="c1"),
        )
    )


def test_tools_reach_the_prompt_unless_switched_off() -> None:
    tools = [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
    ]
    prompt = chat(tools=tools).prompt
    assert isinstance(prompt, ChatPrompt)
    assert prompt.tools == (Tool("f", "d", {"type": "object"}),)
    off = chat(tools=tools, tool_choice="none").prompt
    assert isinstance(off, ChatPrompt)
    assert off.tools == ()


TOOLS = [{"type": "function", "function": {"name": name, "strict": True}} for name in ("f", "g")]


def choice(**fields: Any) -> ToolChoice:
    prompt = chat(tools=TOOLS, **fields).prompt
    assert isinstance(prompt, ChatPrompt)
    assert [tool.strict for tool in prompt.tools] == [True, True]
    return prompt.choice


def test_the_four_ways_to_choose_a_tool() -> None:
    named = {"type": "function", "function": {"name": "g"}}
    assert choice() == choice(tool_choice="auto") == ToolChoice()
    assert choice(tool_choice="required") == ToolChoice(required=True)
    assert choice(tool_choice=named, parallel_tool_calls=False) == ToolChoice(name="g", parallel=False)
    assert choice(tool_choice="auto", parallel_tool_calls=True).parallel


SCHEMA = {"type": "object", "properties": {"z": {"const": "ü"}, "a": {}}}
TEXT = json.dumps(SCHEMA, ensure_ascii=False)


@pytest.mark.parametrize(
    ("fields", "grammar"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, JsonObjectGrammar("response_format")),
        (
            {"response_format": {"type": "json_object", "schema": SCHEMA}},
            JsonSchemaGrammar(TEXT, True, "response_format"),
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
            JsonSchemaGrammar(TEXT, True, "response_format"),
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": False}}},
            JsonSchemaGrammar(TEXT, False, "response_format"),
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            JsonObjectGrammar("response_format"),
        ),
        ({"grammar": "start: /a/"}, LarkGrammar("start: /a/")),
        ({"grammar": {"type": "lark", "value": "start: /a/"}}, LarkGrammar("start: /a/")),
        ({"grammar": {"type": "regex", "value": "a+"}}, RegexGrammar("a+")),
        ({"grammar": {"type": "json_schema", "value": TEXT}}, JsonSchemaGrammar(TEXT)),
        ({"grammar": {"type": "json_schema", "value": SCHEMA}}, JsonSchemaGrammar(TEXT)),
        ({"guided_json": SCHEMA}, JsonSchemaGrammar(TEXT, True, "guided_json")),
        ({"guided_regex": "a+"}, RegexGrammar("a+", "guided_regex")),
        ({"guided_grammar": "root ::= x"}, LarkGrammar("root ::= x", "guided_grammar")),
        ({"guided_choice": ["a", "b"]}, ChoiceGrammar(("a", "b"), "guided_choice")),
    ],
)
def test_what_an_answer_has_to_be(fields: dict[str, Any], grammar: Any) -> None:
    assert chat(**fields).grammar == grammar
    assert complete(prompt="x", **fields).grammar == grammar


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        ("raw", TextPrompt("raw")),
        ("", TextPrompt("")),
        (["raw"], TextPrompt("raw")),
        ([1, 2], TokensPrompt((1, 2))),
        ([[3, 4]], TokensPrompt((3, 4))),
    ],
)
def test_the_four_forms_of_a_raw_prompt(given: Any, prompt: Any) -> None:
    assert complete(prompt=given).prompt == prompt


@pytest.mark.parametrize("fields", [{"response_format": {"type": "text"}}, {"tool_choice": "auto"}, {"n": 1}])
def test_what_changes_nothing_is_accepted(fields: dict[str, Any]) -> None:
    assert chat(**fields).sampling == CARD


def test_unknown_fields_are_ignored() -> None:
    assert chat(nonsense={"a": [1]}, parallel_tool_calls=True).sampling == CARD


def test_what_cannot_be_honoured_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest) as refused:
        complete(prompt="x", suffix="y")
    assert (refused.value.param, refused.value.code) == ("suffix", "unsupported_parameter")
