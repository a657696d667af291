"""Finds the tool calls in a model's answer: `<|tool_call|>[{"name": …, "arguments": {…}}]<|/tool_call|>`."""

from typing import Any

import msgspec
from msgspec import Struct

from spark_engine.types.chat import ToolCall
from spark_engine.types.ids import fresh_id

OPENING, CLOSING = "<|tool_call|>", "<|/tool_call|>"


class _Call(Struct):
    name: str
    arguments: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None


_one_or_many = msgspec.json.Decoder(_Call | list[_Call])


class ToolCallReader:
    """Takes an answer piece by piece; gives back what is text, and the calls at the end."""

    def __init__(self) -> None:
        self._held = ""
        self._calling = False

    def feed(self, text: str) -> str:
        """The text that `text` makes certain; what may be the start of a call is held back."""
        held = self._held + text
        if self._calling:
            self._held = held
            return ""
        plain, opening, call = held.partition(OPENING)
        if opening:
            self._calling, self._held = True, call
            return plain
        keep = _possible_opening(held)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def finish(self) -> tuple[str, tuple[ToolCall, ...]]:
        """The rest of the text, and the calls. What cannot be read as calls stays text, as it was written."""
        if not self._calling:
            return self._held, ()
        inside, _, after = self._held.partition(CLOSING)
        calls = parse_calls(inside)
        return (after.strip(), calls) if calls else (OPENING + self._held, ())


def parse_calls(text: str) -> tuple[ToolCall, ...]:
    """The calls in the JSON between the markers; none when it is not what it should be."""
    try:
        found = _one_or_many.decode(text.strip())
    except (msgspec.MsgspecError, RecursionError):
        return ()
    return tuple(_tool_call(call) for call in (found if isinstance(found, list) else [found]))


def _tool_call(call: _Call) -> ToolCall:
    given = call.arguments if call.arguments is not None else call.parameters
    return ToolCall(fresh_id("call"), call.name, msgspec.json.encode(given or {}).decode())


def _possible_opening(text: str) -> int:
    """How many characters at the end of `text` may begin the marker."""
    longest = min(len(text), len(OPENING) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(OPENING[:n])), 0)
