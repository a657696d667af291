"""Finds where a JSON value ends while it is still being written. Takes for granted that it is JSON."""

import re

_OUTSIDE = re.compile(r'["{}\[\]]')
_INSIDE = re.compile(r'["\\]')
_SCALAR_END = re.compile(r"[\s,}\]]")


class JsonExtent:
    """One value: object, list, text or scalar. It begins with the first character that is fed."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = self._escaped = False
        self._kind = ""

    @property
    def is_new(self) -> bool:
        """Whether nothing was fed yet."""
        return not self._kind

    def feed(self, text: str) -> tuple[int, bool]:
        """How many characters of `text` belong to the value, and whether it ends there."""
        if text and not self._kind:
            self._kind = text[0]
        if self._kind and self._kind not in '{["':
            found = _SCALAR_END.search(text)
            return (found.start(), True) if found else (len(text), False)
        place = 0
        while place < len(text):
            place = self._within_text(text, place) if self._in_text else self._between_texts(text, place)
            if not self._in_text and not self._depth:
                return place, True
        return place, False

    def _within_text(self, text: str, place: int) -> int:
        if self._escaped:
            self._escaped = False
            return place + 1
        found = _INSIDE.search(text, place)
        if found is None:
            return len(text)
        self._escaped, self._in_text = found.group() == "\\", found.group() != '"'
        return found.end()

    def _between_texts(self, text: str, place: int) -> int:
        found = _OUTSIDE.search(text, place)
        if found is None:
            return len(text)
        mark = found.group()
        if mark == '"':
            self._in_text = True
        else:
            self._depth += 1 if mark in "{[" else -1
        return found.end()
