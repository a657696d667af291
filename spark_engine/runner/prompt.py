"""Prompts to tokens: a conversation by the model's form, raw text as it stands, token ids as they are."""

import json
import re
from collections.abc import Iterator

from msgspec import to_builtins
from msgspec.structs import replace

from spark_engine.backends.vocabulary import SpecialToken, Vocabulary
from spark_engine.errors import InvalidRequest
from spark_engine.runner import phi
from spark_engine.runner.inert import Inert
from spark_engine.runner.template import ChatTemplate
from spark_engine.runner.tool_prompt import in_words
from spark_engine.runner.tool_styles import ToolStyle, style_of
from spark_engine.types.chat import ChatMessage, ChatPrompt, Prompt, TextPrompt, TokensPrompt, Tool, ToolCall


class PromptEncoder:
    """Encodes prompts for one model.

    `template` None: the model has no chat template of its own. `forced`: use it even where Spark knows better.
    """

    def __init__(
        self, vocabulary: Vocabulary, template: ChatTemplate | None, *, forced: bool = False
    ) -> None:
        self._vocabulary = vocabulary
        self._template = template
        self._is_phi = phi.is_phi(vocabulary.special) and not forced
        self._pattern = _special_pattern(vocabulary)
        source, knows_tools = (template.source, template.knows_tools) if template else ("", False)
        self.tool_style = style_of(vocabulary.special, source, knows_tools=knows_tools)
        self._speaks_of_tools = not knows_tools

    def encode(self, prompt: Prompt) -> list[int]:
        """The tokens of a prompt; InvalidRequest when the model cannot take it."""
        match prompt:
            case TokensPrompt(tokens):
                return list(tokens)
            case TextPrompt(text):
                return [*self._vocabulary.prefix, *self._tokens(text), *self._vocabulary.suffix]
            case ChatPrompt():
                return self._chat(prompt)

    def _chat(self, prompt: ChatPrompt) -> list[int]:
        inert = Inert(self._vocabulary.special, list(_texts(to_builtins(prompt))))
        harmless = _harmless(prompt, inert)
        return list(self._tokens(self._render(harmless), inert))

    def _render(self, prompt: ChatPrompt) -> str:
        if self._is_phi:
            return phi.render(prompt)
        if self._template is None:
            raise _no_template()
        if self._speaks_of_tools and (
            prompt.tools or any(m.tool_calls or m.role == "tool" for m in prompt.messages)
        ):
            prompt = in_words(prompt, self.tool_style)
        messages = [_message(message, self.tool_style) for message in prompt.messages]
        return self._template.render(messages, _tools(prompt), self._vocabulary.variables)

    def _tokens(self, text: str, inert: Inert | None = None) -> Iterator[int]:
        """Tokens of text whose special tokens count; marks of `inert` are dropped from what stands between."""
        end = 0
        for found in self._pattern.finditer(text) if self._pattern else ():
            yield from self._plain(text[end : found.start()], inert)
            yield self._special(found.group()).id
            end = found.end()
        yield from self._plain(text[end:], inert)

    def _plain(self, text: str, inert: Inert | None) -> list[int]:
        plain = inert.plain(text) if inert else text
        whole = plain.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
        return self._vocabulary.encode(whole) if whole else []

    def _special(self, text: str) -> SpecialToken:
        special = self._vocabulary.special
        return special[text] if text in special else special[text.strip()]


def _special_pattern(vocabulary: Vocabulary) -> re.Pattern[str] | None:
    """Matches any special token, the longest first, with the white space it eats."""
    tokens = sorted(vocabulary.special.values(), key=lambda token: len(token.text), reverse=True)
    return re.compile("|".join(map(_one_pattern, tokens))) if tokens else None


def _one_pattern(token: SpecialToken) -> str:
    return (r"\s*" if token.eats_left else "") + re.escape(token.text) + (r"\s*" if token.eats_right else "")


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON-like value."""
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield from _texts(key)
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)


def _harmless(prompt: ChatPrompt, inert: Inert) -> ChatPrompt:
    """The same conversation with all text of people and apps made inert."""
    return ChatPrompt(
        tuple(_harmless_message(message, inert) for message in prompt.messages),
        tuple(_harmless_tool(tool, inert) for tool in prompt.tools),
    )


def _harmless_message(message: ChatMessage, inert: Inert) -> ChatMessage:
    return replace(
        message,
        content=inert.text(message.content),
        name=message.name and inert.text(message.name),
        tool_call_id=message.tool_call_id and inert.text(message.tool_call_id),
        tool_calls=tuple(_harmless_call(call, inert) for call in message.tool_calls),
    )


def _harmless_call(call: ToolCall, inert: Inert) -> ToolCall:
    """Arguments are read before they are marked: JSON could spell a special token with escapes."""
    try:
        arguments = json.dumps(inert.everything(json.loads(call.arguments)), ensure_ascii=False)
    except ValueError:
        arguments = inert.text(call.arguments)
    return ToolCall(inert.text(call.id), inert.text(call.name), arguments)


def _harmless_tool(tool: Tool, inert: Inert) -> Tool:
    return Tool(inert.text(tool.name), inert.text(tool.description), inert.everything(tool.parameters))


def _message(message: ChatMessage, style: ToolStyle) -> dict[str, object]:
    """A message as chat templates expect it."""
    shown: dict[str, object] = {"role": message.role, "content": message.content}
    if message.name:
        shown["name"] = message.name
    if message.tool_call_id:
        shown["tool_call_id"] = style.known_id(message.tool_call_id)
    if message.tool_calls:
        shown["tool_calls"] = [_call(call, style) for call in message.tool_calls]
    return shown


def _call(call: ToolCall, style: ToolStyle) -> dict[str, object]:
    function = {"name": call.name, "arguments": phi.call_arguments(call)}
    return {"id": style.known_id(call.id), "type": "function", "function": function}


def _tools(prompt: ChatPrompt) -> list[dict[str, object]] | None:
    return [_tool(tool) for tool in prompt.tools] or None


def _tool(tool: Tool) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _no_template() -> InvalidRequest:
    return InvalidRequest(
        "no_chat_template",
        "This model cannot chat",
        "It has no chat template, so messages cannot be put into its form.",
        "Use /v1/completions with plain text, or choose a model made for chat.",
        param="messages",
    )
