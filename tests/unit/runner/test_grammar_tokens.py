"""The tokens that grammars need are read while the model loads; loading does not wait for them."""

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from spark_engine.backends.vocabulary import SpecialToken, Vocabulary
from spark_engine.errors import SparkError
from spark_engine.runner import grammar_tokens
from spark_engine.runner.grammar import Grammars
from spark_engine.runner.grammar_source import source_of
from spark_engine.runner.grammar_tokens import GAPS, EarlyTokens
from spark_engine.types.generation import RegexGrammar
from tests.support.babble import BabbleVocabulary
from tests.support.decoders import load_model


@dataclass
class Letters:
    """`size` tokens of one letter each, and an end with an id of its own."""

    size: int
    end: int
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    template: str = ""
    leading_space: bool = False
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def special(self) -> dict[str, SpecialToken]:
        return {"<|end|>": SpecialToken(self.end, "<|end|>")}

    @property
    def eos(self) -> frozenset[int]:
        return frozenset({self.end})

    def encode(self, text: str) -> list[int]:
        return [ord(letter) - ord("a") for letter in text]

    def piece(self, token: int) -> bytes:
        return bytes((ord("a") + token,)) if 0 <= token < self.size else b""


def allowed(vocabulary: Vocabulary, size: int, pattern: str) -> list[int]:
    """What may come first in a model whose logits have `size` entries."""
    grammars = Grammars(vocabulary, size, EarlyTokens(vocabulary))
    mask = grammars.mask(source_of(RegexGrammar(pattern)), "grammar").allowed(size)
    assert mask is not None
    assert len(mask) == size
    return [int(id) for id in np.flatnonzero(mask)]


def test_tokens_read_early_are_those_read_late() -> None:
    vocabulary = BabbleVocabulary("<|tool_call|>", "<tool>")
    late = Grammars(vocabulary, vocabulary.size).mask(source_of(RegexGrammar("[a-t]*")), "grammar")
    mask = late.allowed(vocabulary.size)
    assert mask is not None
    assert allowed(vocabulary, vocabulary.size, "[a-t]*") == np.flatnonzero(mask).tolist()


@pytest.mark.parametrize("end", [7, 8, 20, 8 + GAPS + 5])
@pytest.mark.parametrize("more", [1, 100])
def test_every_id_counts_whatever_lies_between(end: int, more: int) -> None:
    assert allowed(Letters(7, end), end + more, "[a-z]?") == [*range(7), end]


def test_logits_may_have_fewer_entries_than_the_vocabulary_has_tokens() -> None:
    assert allowed(Letters(20, 3), 10, "[a-z]") == [0, 1, 2, *range(4, 10)]
    grammars = Grammars(Letters(20, 20), 10, EarlyTokens(Letters(20, 20)))
    assert grammars.tokens.vocab_size == 10


def test_far_ids_of_a_hostile_file_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(Letters, "eos", frozenset({7, 10**12}))
    monkeypatch.setattr(grammar_tokens, "read_tokens", lambda vocabulary, size: read.append(size))
    EarlyTokens(Letters(7, 7)).get(8)
    assert read == [8]


def test_a_vocabulary_that_cannot_be_used_says_so_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Letters, "piece", lambda self, token: "text")
    grammars = Grammars(Letters(7, 7), 8, EarlyTokens(Letters(7, 7)))
    for _ in range(2):
        with pytest.raises(SparkError) as refused:
            grammars.matcher("start: /a/", "grammar")
        assert refused.value.code == "no_grammars"


def test_loading_does_not_wait_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, began = threading.Event(), threading.Event()
    real = grammar_tokens.read_tokens

    def held(vocabulary: Vocabulary, size: int) -> object:
        began.set()
        assert gate.wait(30)
        return real(vocabulary, size)

    monkeypatch.setattr(grammar_tokens, "read_tokens", held)
    model = load_model("echo")
    try:
        assert began.wait(30)
        assert model.grammar_tokens is not None
    finally:
        gate.set()
    size = model.decoder.vocab_size
    assert model.grammar_tokens.get(size).decode_bytes([104, 105]) == b"hi"
