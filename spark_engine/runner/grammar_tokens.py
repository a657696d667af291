"""A vocabulary as the grammar engine sees it: the bytes of each token, and which tokens are no text."""

import logging
import threading
from concurrent.futures import Future
from time import perf_counter

from llguidance import LLTokenizer

from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import SparkError

log = logging.getLogger(__name__)
GAPS = 4096
"""Ids without a token that may lie between those of a vocabulary."""


class _Tokens:
    """What `LLTokenizer` asks for, by its own names. No grammar of text can produce a token of `special_token_ids`.

    Never raises: the library would abort.
    """

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary, size: int) -> None:
        named = {token.id: token.text.encode("utf-8", "replace") for token in vocabulary.special.values()}
        marked = named | {id: b"eos" for id in vocabulary.eos if id not in named}
        self.tokens = [marked[id] if id in marked else vocabulary.piece(id) for id in range(size)]
        self.special_token_ids = sorted(id for id in marked if id < size)
        self.eos_token_id = min(vocabulary.eos, default=None)
        self._encode = vocabulary.encode

    def __call__(self, text: str) -> list[int]:
        return self._encode(text)


class EarlyTokens:
    """The tokens of a model, read on a thread of its own from the moment this is made.

    The library holds the interpreter's lock meanwhile: best while the model loads, when nobody waits for a token.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._marked = {token.id for token in vocabulary.special.values()} | vocabulary.eos
        near = (id + 1 for id in self._marked if id < vocabulary.size + GAPS)
        self._size = max(vocabulary.size, *near, 0)
        self._read: Future[LLTokenizer] = Future()
        threading.Thread(target=self._begin, name="grammar tokens").start()

    def get(self, size: int) -> LLTokenizer:
        """Wait for them; SparkError when the vocabulary cannot be used. `size`: entries of the model's logits."""
        lower, upper = sorted((self._size, size))
        if any(id in self._marked or self._vocabulary.piece(id) for id in range(lower, upper)):
            return read_tokens(self._vocabulary, size)  # large gaps, or a model with fewer tokens
        return self._read.result()

    def _begin(self) -> None:
        try:
            self._read.set_result(read_tokens(self._vocabulary, self._size))
        except BaseException as error:  # whoever needs them is told
            self._read.set_exception(error)


def read_tokens(vocabulary: Vocabulary, size: int) -> LLTokenizer:
    """The tokens of a model whose logits have `size` entries. About a second for 200,064 tokens; keep the result."""
    began = perf_counter()
    tokens = _Tokens(vocabulary, size)
    ends = sorted(id for id in vocabulary.eos if id < size)
    try:
        # in two parts, so that other threads come in between
        plain = LLTokenizer(tokens, eos_token=ends or None, slices=[])  # type: ignore[arg-type]
        made = plain.with_slices(LLTokenizer.general_slices())
    except BaseException as error:  # a panic of the library is no Exception
        raise _unreadable(error) from error
    tokens.tokens = []  # the library has copied them
    log.info("the vocabulary of %d tokens is ready for grammars after %.2f s", size, perf_counter() - began)
    return made


def _unreadable(error: BaseException) -> SparkError:
    return SparkError(
        "no_grammars",
        "This model's answers cannot be given a form",
        f"Its vocabulary cannot be used for grammars: {type(error).__name__}: {str(error)[:200]}",
        "Leave the grammar or the tools out, or use another variant of the model.",
    )
