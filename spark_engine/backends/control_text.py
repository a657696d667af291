"""What a control token looks like in text, which of them are shown in answers, and how to write one harmlessly."""

import re
from collections.abc import Iterable

_CONTROL = re.compile(r"<\|[^|>]*\|>|<\|?/?[a-z_]+\|>")
_SHOWN = frozenset(("<|tool_call|>", "<|/tool_call|>"))


def is_control(text: str) -> bool:
    """Whether a token of this text steers the model, whatever its file calls it."""
    return _CONTROL.fullmatch(text) is not None


def is_shown(text: str) -> bool:
    """Whether a control token is part of what the model says: the marks of tool calls are read above."""
    return text in _SHOWN


def cut(text: str, specials: Iterable[str]) -> list[str]:
    """Text cut inside the first special token it spells; into characters when it spells none openly.

    The parts are shorter than the text; there are none when nothing is left to cut.
    """
    found = [place for place in map(text.find, specials) if place >= 0]
    if len(text) < 2:
        return []
    if found:
        middle = min(found) + 1
        return [text[:middle], text[middle:]]
    return list(text)
