"""Reads tool calls out of an answer while it is written: what is text, and the pieces of calls.

Text is told at once unless it may begin a call. A call is told from the moment on that its name and the key of its
arguments are there; what turns out to be none stays text, as it was written.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from spark_engine.runner.tool_json import JsonExtent
from spark_engine.runner.tool_styles import ToolStyle
from spark_engine.types.chat import ToolCallPiece, join_pieces

_BLANK = " \n\r\t"
_State = Literal["text", "head", "arguments", "after", "item", "closed"]


class Read(NamedTuple):
    """What became certain: text, and pieces of calls."""

    text: str = ""
    calls: tuple[ToolCallPiece, ...] = ()


class _Head(NamedTuple):
    """The beginning of a call: the tool, whether a list begins before it, and where its arguments begin."""

    name: str
    opens_list: bool
    end: int


class ToolReader:
    """Reads one answer of a model that writes calls in `style` and knows the tools `names`."""

    def __init__(self, style: ToolStyle, names: Iterable[str]) -> None:
        self._style = style
        self._heads = {head: (name, opens) for name in names for head, opens in _heads(style, name)}
        self._state: _State = "text"
        self._buffer = self._opener = ""
        self._at_start, self._after_call = True, False
        self._in_list = False
        self._index = -1
        self._extent = JsonExtent()
        self._texts: list[str] = []
        self._pieces: list[ToolCallPiece] = []
        self.call_text: str | None = None
        """What was written since the newest opener, or the beginning of a bare call; None outside of calls."""

    @property
    def held(self) -> int:
        """Characters at the end of what was fed of which it is not yet known what they are."""
        return len(self._opener) + len(self._buffer)

    def feed(self, text: str) -> Read:
        """Take more of the answer."""
        self._buffer += text
        if self.call_text is not None:
            self.call_text += text
        while self._buffer and self._go_on():
            pass
        return self._told()

    def finish(self) -> Read:
        """The answer is over: what is held is text, unless it belongs to a call; one that was cut stays a piece."""
        if self._state in ("text", "head"):
            self._texts += (self._opener, self._buffer)
        self._opener = self._buffer = ""
        return self._told()

    def _told(self) -> Read:
        text, calls = "".join(self._texts), join_pieces(self._pieces)
        self._texts, self._pieces = [], []
        return Read(text, calls)

    def _go_on(self) -> bool:
        """Read as far as one state goes; False when more has to come first."""
        match self._state:
            case "text":
                return self._read_text()
            case "head":
                return self._read_head()
            case "arguments":
                return self._read_arguments()
            case "after":
                return self._read_after()
            case "item":
                return self._read_item_end()
            case "closed":
                return self._read_closer()

    def _read_text(self) -> bool:
        if self._after_call:
            self._buffer = self._buffer.lstrip(_BLANK)
            self._after_call = not self._buffer
        if self._at_start and (decided := self._read_bare()) is not None:
            return decided
        places = [(place, o) for o in self._style.openers if (place := self._buffer.find(o)) >= 0]
        if not places:
            keep = max((_overlap(self._buffer, opener) for opener in self._style.openers), default=0)
            self._tell_text(len(self._buffer) - keep)
            return False
        place, opener = min(places)
        self._tell_text(place)
        self._take_opener(len(opener.removesuffix("[")))
        self.call_text = self._buffer
        self._state = "head"
        return True

    def _read_bare(self) -> bool | None:
        """A call without an opener, at the beginning of an answer; None when there is none."""
        blank = len(self._buffer) - len(self._buffer.lstrip(_BLANK))
        text = self._buffer[blank:]
        for lead in self._style.leads:
            if lead.startswith(text):
                return False
            blank += len(lead) if text.startswith(lead) else 0
            text = text.removeprefix(lead)
        head = self._match(text)
        if head is None:
            self._at_start = False
            return None
        if isinstance(head, _Head):
            self._take_opener(blank)
            self.call_text = self._buffer
            self._begin(head)
        return isinstance(head, _Head)

    def _read_head(self) -> bool:
        head = self._match(self._buffer, in_list=self._in_list)
        if isinstance(head, _Head):
            self._begin(head)
        elif head is None:
            self._give_up()
        return head != "perhaps"

    def _begin(self, head: _Head) -> None:
        self._index += 1
        self._pieces.append(ToolCallPiece(self._index, self._style.new_id(), head.name))
        self._in_list |= head.opens_list
        self._buffer, self._opener = self._buffer[head.end :], ""
        self._extent = JsonExtent()
        self._at_start = False
        self._state = "arguments"

    def _read_arguments(self) -> bool:
        if self._extent.is_new:
            self._buffer = self._buffer.lstrip(_BLANK)
        if not self._buffer:
            return False
        length, ended = self._extent.feed(self._buffer)
        self._pieces.append(ToolCallPiece(self._index, arguments=self._buffer[:length]))
        self._buffer = self._buffer[length:]
        if ended:
            self._state = "after" if self._style.key else "closed"
        return ended

    def _read_after(self) -> bool:
        """The end of the object around a call."""
        return self._expect({"}": "item"})

    def _read_item_end(self) -> bool:
        if not self._in_list:
            self._state = "closed"
            return True
        return self._expect({",": "head", "]": "closed"})

    def _expect(self, followers: dict[str, _State]) -> bool:
        """Go on by the next character that is not blank; without one of `followers` the calls are over."""
        self._buffer = self._buffer.lstrip(_BLANK)
        if not self._buffer:
            return False
        follower = followers.get(self._buffer[0])
        if follower is None:
            self._give_up()
        else:
            # A comma is text again when no call follows it.
            self._opener = "," if follower == "head" else ""
            self._buffer, self._state = self._buffer[1:], follower
        return True

    def _read_closer(self) -> bool:
        self._opener = ""
        closer, text = self._style.closer.strip(), self._buffer.lstrip(_BLANK)
        if len(text) < len(closer) and closer.startswith(text):
            return False
        self._buffer = text.removeprefix(closer) if closer else text
        self._give_up()
        return True

    def _give_up(self) -> None:
        """What is held is text; so is what follows, until there is another opener."""
        self._texts.append(self._opener)
        self._opener = ""
        self.call_text = None
        self._in_list = self._at_start = False
        self._after_call = self._index >= 0
        self._state = "text"

    def _take_opener(self, length: int) -> None:
        self._opener, self._buffer = self._buffer[:length], self._buffer[length:]

    def _tell_text(self, length: int) -> None:
        self._texts.append(self._buffer[:length])
        self._buffer = self._buffer[length:]

    def _match(self, text: str, *, in_list: bool = False) -> _Head | Literal["perhaps"] | None:
        """The call that begins here; `perhaps` when more has to come to know."""
        squeezed, places = _squeezed(text)
        perhaps = False
        for head, (name, opens) in self._heads.items():
            if in_list and opens:
                continue
            if squeezed.startswith(head):
                return _Head(name, opens, places[len(head) - 1] + 1)
            perhaps |= head.startswith(squeezed)
        return "perhaps" if perhaps else None


def _heads(style: ToolStyle, name: str) -> Iterator[tuple[str, bool]]:
    """How a call of a tool may begin, without white space; and whether that begins a list."""
    if style.key is None:
        yield style.before + name + style.between, False
    for key in ("arguments", "parameters"):
        head = f'{{"name":{json.dumps(name, ensure_ascii=False)},"{key}":'
        yield head, False
        yield "[" + head, True


def _squeezed(text: str) -> tuple[str, list[int]]:
    """The text without white space outside of JSON texts, and where each character stood."""
    kept: list[str] = []
    places: list[int] = []
    in_text = False
    for place, character in enumerate(text):
        if not in_text and character in _BLANK:
            continue
        in_text ^= character == '"'
        kept.append(character)
        places.append(place)
    return "".join(kept), places


def _overlap(text: str, opener: str) -> int:
    """How many characters at the end of `text` could be the beginning of `opener`."""
    longest = min(len(text), len(opener) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(opener[:n])), 0)
