"""Cuts Markdown into prose and fenced code, so that each is drawn its own way; pure, safe on half an answer.

Long prose is cut between paragraphs and between the items of lists, so that of a growing answer only the last piece is
drawn again.
"""

import re

from msgspec import Struct

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)[^`]*$")
LONG = 1200
"""Letters of prose after which the next paragraph or item begins a piece of its own."""
_ITEM = re.compile(r"([-*+]|\d{1,9}[.)]) ")
_PARAGRAPH = re.compile(r"#{1,6} |[^\W\d_]|[\"'“(`]\S|\*{1,3}\w")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]*)[^)]*\)")


class Prose(Struct, frozen=True):
    """Markdown without fenced code; pictures are named, never fetched. `goes_on`: with the list of the piece before."""

    text: str
    goes_on: bool = False


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
    found = ((_IMAGE.sub(_named, "\n".join(piece).strip("\n")), goes_on) for piece, goes_on in _pieces(lines))
    return [Prose(text, goes_on) for text, goes_on in found if text.strip()]


def _pieces(lines: list[str]) -> list[tuple[list[str], bool]]:
    """The lines in pieces that mean the same apart, and whether each goes on with the list of the one before.

    A piece begins with a paragraph or a heading after an empty line, or with an item of a list that is no part of
    another one's.
    """
    found: list[tuple[list[str], bool]] = [([], False)]
    length, in_list = 0, False
    for before, line in zip(["", *lines], lines, strict=False):
        is_item, is_paragraph = _ITEM.match(line), not before.strip() and _PARAGRAPH.match(line)
        goes_on = in_list and is_item is not None
        in_list = is_item is not None or (in_list and not is_paragraph)
        if length > LONG and (is_paragraph or goes_on):
            found.append(([], goes_on))
            length = 0
        found[-1][0].append(line)
        length += len(line) + 1
    return found


def _named(image: re.Match[str]) -> str:
    return f"[picture: {image[1] or image[2]}]"
