"""The grammars of one loaded model: compiled once, kept for the next request, and given to each sequence anew."""

from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property

from llguidance import LLMatcher, LLTokenizer

from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import InvalidRequest
from spark_engine.runner.grammar_compile import compile_grammar
from spark_engine.runner.grammar_mask import GrammarMask
from spark_engine.runner.grammar_tokens import EarlyTokens, read_tokens

KEPT = 16
"""Grammars kept: an app sends the same ones again and again."""


class Grammars:
    """Compiles grammars for a vocabulary whose logits have `size` entries; on one thread at a time.

    `early`: the vocabulary's tokens, where somebody has begun to read them.
    """

    def __init__(self, vocabulary: Vocabulary, size: int, early: EarlyTokens | None = None) -> None:
        self._vocabulary, self._size, self._early = vocabulary, size, early
        self._special = frozenset(token.id for token in vocabulary.special.values()) | vocabulary.eos
        self._kept: OrderedDict[str, LLMatcher | InvalidRequest] = OrderedDict()

    @cached_property
    def tokens(self) -> LLTokenizer:
        """The model's tokens, waited for or read when the first grammar needs them."""
        if self._early is not None:
            return self._early.get(self._size)
        return read_tokens(self._vocabulary, self._size)

    def mask(self, source: str, param: str) -> GrammarMask:
        """The beginning of a grammar, given as source; InvalidRequest when it cannot be used."""
        return self.mask_of(self.matcher(source, param))

    def maker(self, source: str, param: str) -> Callable[[], GrammarMask]:
        """Makes the beginning of a grammar for each sequence anew; InvalidRequest when it cannot be used."""
        matcher = self.matcher(source, param)
        return lambda: self.mask_of(matcher.deep_copy())

    def mask_of(self, matcher: LLMatcher) -> GrammarMask:
        """What follows from where a matcher stands."""
        return GrammarMask(matcher, self._vocabulary, self._special)

    def matcher(self, source: str, param: str) -> LLMatcher:
        """A matcher of its own at the beginning of a grammar; InvalidRequest when it cannot be used."""
        kept = self._kept.pop(source, None) or self._compiled(source, param)
        self._kept[source] = kept
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        if isinstance(kept, InvalidRequest):
            raise InvalidRequest(kept.code, kept.title, kept.message, kept.remedy, param=param)
        return kept.deep_copy()

    def _compiled(self, source: str, param: str) -> LLMatcher | InvalidRequest:
        try:
            return compile_grammar(self.tokens, source, param)
        except InvalidRequest as error:
            return error
