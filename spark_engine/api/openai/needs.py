"""What a request asks of a model, read from its body: needed where the client leaves the choice to Spark."""

from collections.abc import Iterator
from typing import Any

import msgspec

from spark_engine.api.openai.messages_schema import MessageBody
from spark_engine.api.openai.schema import ChatCompletionRequest, CompletionRequest, SamplingBody
from spark_engine.types.selection import Needs

_BYTES_PER_TOKEN = 3
"""Fewer than models take on the average, so that a prompt that is longer than thought still fits."""


def chat_needs(body: ChatCompletionRequest) -> Needs:
    """What a conversation needs; its length is estimated, for only the model itself can count tokens."""
    length = sum(len(text.encode()) for message in body.messages for text in _texts(message))
    tools = [tool.model_dump(mode="json") for tool in body.tools or ()] if body.tool_choice != "none" else []
    length += len(msgspec.json.encode(tools))
    wanted = (("tools", bool(tools)), ("json", _wants_json(body)))
    abilities = tuple(name for name, needed in wanted if needed)
    return Needs(
        context=_context(body, length, body.max_completion_tokens or body.max_tokens), abilities=abilities
    )


def completion_needs(body: CompletionRequest) -> Needs:
    """What a continuation needs."""
    return Needs(context=_context(body, _prompt_bytes(body.prompt), body.max_tokens))


def _wants_json(body: SamplingBody) -> bool:
    """Whether the answer has to be JSON; grammars make it so with any model, but some are better at it."""
    return body.response_format is not None and body.response_format.type != "text"


def _context(body: SamplingBody, prompt_bytes: int, max_tokens: int | None) -> int:
    """Tokens of prompt and answer; a prompt that may be shortened needs no more than there is."""
    return 0 if body.truncation == "auto" else prompt_bytes // _BYTES_PER_TOKEN + (max_tokens or 0)


def _texts(message: MessageBody) -> Iterator[str]:
    if isinstance(message.content, str):
        yield message.content
    else:
        yield from (part.text or "" for part in message.content or ())


def _prompt_bytes(prompt: Any) -> int:
    """The length of a prompt: text, tokens (each as long as the estimate has it), or a list of one of them."""
    if isinstance(prompt, str):
        return len(prompt.encode())
    first = prompt[0]
    if isinstance(first, int):
        return len(prompt) * _BYTES_PER_TOKEN
    return _prompt_bytes(first)
