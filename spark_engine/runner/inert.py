"""Makes text inert: what people write inside a message can never become a special token.

A mark (a character that no text of the prompt has) is put into every place where the text spells a special token,
or could be a part of one together with what stands beside it. The marks are taken out again before tokenizing.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from spark_engine.errors import InvalidRequest

_CANDIDATES = tuple(map(chr, range(0xFDD0, 0xFDF0)))


class Inert:
    """Marks the texts of one prompt. `specials` are the texts of the model's special tokens."""

    def __init__(self, specials: Iterable[str], texts: Iterable[str]) -> None:
        self._specials = tuple(specials)
        self._pattern = re.compile(
            "|".join(re.escape(s) for s in sorted(self._specials, key=len, reverse=True))
        )
        used = set().union(*map(set, texts)) if texts else set()
        mark = next((c for c in _CANDIDATES if c not in used), None)
        if mark is None:
            raise InvalidRequest(
                "bad_text",
                "The text cannot be used",
                "It has every one of Unicode's non-characters.",
                param="messages",
            )
        self.mark = mark

    def text(self, text: str) -> str:
        """The text with marks where special tokens could be. Marks stand inside the text's white space."""
        core = text.strip()
        if not core or not self._specials:
            return text
        left = text[: len(text) - len(text.lstrip())]
        right = text[len(text.rstrip()) :]
        return left + self._framed(self._broken(core), core) + right

    def everything(self, value: Any) -> Any:
        """The same for every text in a JSON-like value, keys included."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.everything(key): self.everything(item) for key, item in value.items()}
            case list() | tuple():
                return [self.everything(item) for item in value]
            case _:
                return value

    def plain(self, text: str) -> str:
        """The text without its marks."""
        return text.replace(self.mark, "")

    def _broken(self, core: str) -> str:
        """A mark after the first character of every special token the text spells, overlapping ones too."""
        begin = 0
        while (found := self._pattern.search(core, begin)) is not None:
            begin = found.start() + 1
            core = core[:begin] + self.mark + core[begin:]
        return core

    def _framed(self, broken: str, core: str) -> str:
        """A mark at each end where the text could complete a special token."""
        inside = any(core in special for special in self._specials)
        before = inside or any(core.startswith(s[i:]) for s in self._specials for i in range(1, len(s)))
        after = inside or any(core.endswith(s[:i]) for s in self._specials for i in range(1, len(s)))
        return (self.mark if before else "") + broken + (self.mark if after else "")
