"""Tells a model of its tools in plain words, where its own template has no place for them."""

import json
from collections.abc import Iterator

from msgspec.structs import replace

from spark_engine.runner.phi import call_arguments
from spark_engine.runner.tool_styles import ToolStyle
from spark_engine.types.chat import ChatMessage, ChatPrompt, Tool


def in_words(prompt: ChatPrompt, style: ToolStyle) -> ChatPrompt:
    """The same conversation without tools, calls and results: they are text of its messages."""
    messages = [_message(message, style) for message in prompt.messages]
    if prompt.tools:
        told = _introduction(prompt.tools, style)
        if messages and messages[0].role == "system":
            messages[0] = replace(messages[0], content=f"{messages[0].content}\n\n{told}")
        else:
            messages.insert(0, ChatMessage("system", told))
    return ChatPrompt(tuple(_merged(messages)))


def _introduction(tools: tuple[Tool, ...], style: ToolStyle) -> str:
    listed = "\n".join(json.dumps(_shown(tool), ensure_ascii=False) for tool in tools)
    form = style.written([("NAME", {})])
    return f"You can call these functions:\n{listed}\nTo call one, answer with nothing but\n{form}"


def _shown(tool: Tool) -> dict[str, object]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def _message(message: ChatMessage, style: ToolStyle) -> ChatMessage:
    if message.role == "tool":
        return ChatMessage("user", f"```tool_output\n{message.content}\n```")
    if not message.tool_calls:
        return message
    calls = style.written([(call.name, call_arguments(call)) for call in message.tool_calls])
    return replace(message, content="\n".join(filter(None, (message.content, calls))), tool_calls=())


def _merged(messages: list[ChatMessage]) -> Iterator[ChatMessage]:
    """Messages of users that follow each other as one: such templates want people and model to take turns."""
    before: ChatMessage | None = None
    for message in messages:
        if before is not None and before.role == message.role == "user":
            before = replace(before, content=f"{before.content}\n{message.content}")
            continue
        if before is not None:
            yield before
        before = message
    if before is not None:
        yield before
