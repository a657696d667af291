"""Writes a conversation in the Phi-4-mini form, tools and tool calls included, which its own template gets wrong."""

import json
from collections.abc import Mapping

from spark_engine.types.chat import ChatMessage, ChatPrompt, Tool, ToolCall

_NEEDED = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|tool|>", "<|/tool|>", "<|tool_call|>")


def is_phi(special: Mapping[str, object]) -> bool:
    """Whether a vocabulary has the tokens of this form."""
    return all(text in special for text in _NEEDED)


def render(prompt: ChatPrompt) -> str:
    """The conversation up to and including the mark after which the model answers."""
    messages = list(prompt.messages)
    if prompt.tools and (not messages or messages[0].role != "system"):
        messages.insert(0, ChatMessage("system"))
    turns = [_turn(message, prompt.tools if index == 0 else ()) for index, message in enumerate(messages)]
    return "".join(turns) + "<|assistant|>"


def _turn(message: ChatMessage, tools: tuple[Tool, ...]) -> str:
    role = "tool_response" if message.role == "tool" else message.role
    listed = f"<|tool|>{_json([_tool(tool) for tool in tools])}<|/tool|>" if tools else ""
    calls = message.tool_calls
    called = f"<|tool_call|>{_json([_call(call) for call in calls])}<|/tool_call|>" if calls else ""
    return f"<|{role}|>{message.content}{listed}{called}<|end|>"


def _tool(tool: Tool) -> dict[str, object]:
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def _call(call: ToolCall) -> dict[str, object]:
    return {"name": call.name, "arguments": call_arguments(call)}


def call_arguments(call: ToolCall) -> object:
    """A call's arguments as data; as the text it is when that is no JSON."""
    try:
        return json.loads(call.arguments)
    except ValueError:
        return call.arguments


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
