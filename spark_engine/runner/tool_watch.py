"""Lets a model write freely until it begins to call a tool; from there on the grammar of calls decides."""

import codecs
from collections.abc import Callable

from llguidance import LLMatcher

from spark_engine.runner.grammar import Grammars
from spark_engine.runner.grammar_mask import Allowed, GrammarMask
from spark_engine.runner.tool_reader import ToolReader

Piece = Callable[[int], bytes]


class ToolWatch:
    """Watches the tokens of one answer. `rules` stands where an opener has just been written."""

    def __init__(self, grammars: Grammars, rules: LLMatcher, reader: ToolReader, piece: Piece) -> None:
        self._grammars, self._rules, self._reader, self._piece = grammars, rules, reader, piece
        self._bytes = b""
        self._mask: GrammarMask | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the calls are made and nothing may follow them."""
        return self._mask is not None and self._mask.is_complete

    def allowed(self, size: int) -> Allowed | None:
        """Every token, until a call begins."""
        return None if self._mask is None else self._mask.allowed(size)

    def accept(self, token: int) -> None:
        """Take note of the token that came; perhaps a call begins in it."""
        if self._mask is not None:
            self._mask.accept(token)
            return
        data = self._bytes + self._piece(token)
        text, used = codecs.utf_8_decode(data, "replace", False)
        self._bytes = data[used:]
        self._reader.feed(text)
        if self._reader.call_text is not None:
            self._begin(self._reader.call_text.encode() + self._bytes)

    def _begin(self, written: bytes) -> None:
        """Go over to the grammar, unless what was written after the opener is no call."""
        matcher = self._rules.deep_copy()
        tokens = self._grammars.tokens.tokenize_bytes(written) if written else []
        if matcher.consume_tokens(tokens):
            self._mask = self._grammars.mask_of(matcher)
