"""What a request asks of a model, read from its body."""

from typing import Any

import pytest

from spark_engine.api.openai.needs import chat_needs, completion_needs
from spark_engine.api.openai.schema import ChatCompletionRequest, CompletionRequest

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def chat(**fields: Any) -> ChatCompletionRequest:
    said = [{"role": "user", "content": "x" * 3000}]
    return ChatCompletionRequest.model_validate({"model": "auto", "messages": said, **fields})


def test_the_length_of_a_conversation_and_its_answer() -> None:
    assert chat_needs(chat()).context == 1000
    assert chat_needs(chat(max_tokens=500)).context == 1500
    assert chat_needs(chat(max_completion_tokens=200)).context == 1200
    parts = [{"role": "user", "content": [{"type": "text", "text": "世" * 1000}]}]
    assert chat_needs(chat(messages=parts)).context == 1000


def test_what_may_be_shortened_fits_everywhere() -> None:
    assert chat_needs(chat(truncation="auto", max_tokens=500)).context == 0


def test_tools_are_an_ability_and_take_room() -> None:
    needs = chat_needs(chat(tools=[TOOL]))
    assert needs.abilities == ("tools",)
    assert needs.context > 1020
    none = chat_needs(chat(tools=[TOOL], tool_choice="none"))
    assert (none.abilities, none.context) == ((), 1000)


def test_json_is_an_ability() -> None:
    assert chat_needs(chat(response_format={"type": "json_object"})).abilities == ("json",)
    assert chat_needs(chat(response_format={"type": "text"})).abilities == ()


@pytest.mark.parametrize(
    ("prompt", "tokens"), [("x" * 300, 100), ([1] * 50, 50), (["x" * 300], 100), ([[1] * 50], 50)]
)
def test_prompts_of_every_form(prompt: Any, tokens: int) -> None:
    body = CompletionRequest.model_validate({"model": "auto", "prompt": prompt, "max_tokens": 10})
    assert completion_needs(body).context == tokens + 10
