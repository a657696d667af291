"""Cuts Markdown into prose and fenced code, so that each is drawn its own way; pure, safe on half an answer."""

import re

from msgspec import Struct

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)[^`]*$")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]*)[^)]*\)")


class Prose(Struct, frozen=True):
    """Markdown without fenced code; pictures are named, never fetched."""

    text: str


class Code(Struct, frozen=True):
    """One fenced block; `language` as the fence says it, often empty."""

    text: str
    language: str = ""


Segment = Prose | Code


def segments(markdown: str) -> list[Segment]:
    """Prose and code in order; a fence that is still open is code to the end."""
    found: list[Segment] = []
    lines: list[str] = []
    fence, language = "", ""
    for line in markdown.split("\n"):
        match = _FENCE.match(line)
        if fence and match and match[1].startswith(fence) and not match[2]:
            found.append(Code("\n".join(lines), language))
            fence, lines = "", []
        elif not fence and match:
            found += _prose(lines)
            fence, language, lines = match[1], match[2], []
        else:
            lines.append(line)
    return found + ([Code("\n".join(lines), language)] if fence else _prose(lines))


def _prose(lines: list[str]) -> list[Segment]:
    text = "\n".join(lines).strip("\n")
    return [Prose(_IMAGE.sub(_named, text))] if text.strip() else []


def _named(image: re.Match[str]) -> str:
    return f"[picture: {image[1] or image[2]}]"
