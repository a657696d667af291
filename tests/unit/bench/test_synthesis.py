"""The synthetic model's plan: Phi-4-mini's shapes, a vocabulary of readable words, files that know what they are."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from spark_engine.bench.synthesis.made import fingerprint, is_made, write_mark
from spark_engine.bench.synthesis.shape import SHAPES, hf_config, rope_factors
from spark_engine.bench.synthesis.vocabulary import (
    PLAIN,
    SPECIAL,
    byte_letters,
    tokens_and_merges,
    words,
    write_tokenizer,
)
from spark_engine.runner.phi import is_phi


@pytest.fixture(scope="module", params=sorted(SHAPES))
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, SHAPES[request.param].vocabulary)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_the_quarter_has_phi_4_minis_layers() -> None:
    shape = SHAPES["quarter"]
    assert (shape.hidden, shape.mlp, shape.heads, shape.kv_heads, shape.head) == (3072, 8192, 24, 8, 128)
    assert (shape.layers, shape.vocabulary) == (8, 50016)
    assert len(rope_factors(shape)["short_factor"]) == len(rope_factors(shape)["long_factor"]) == 48
    assert 0.9e9 < shape.parameters < 1.0e9


def test_the_configuration_is_one_that_transformers_takes() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.Phi3Config(**hf_config(SHAPES["tiny"]))
    assert config.rope_parameters["rope_type"] == "longrope"


@pytest.mark.parametrize("size", [2048, 2049, 50016])
def test_every_id_has_a_token(size: int) -> None:
    tokens, merges = tokens_and_merges(size)
    assert len(tokens) == size
    assert len(merges) == size - PLAIN
    assert tuple(tokens[: len(SPECIAL)]) == SPECIAL, "the files name the end of an answer by its id"


def test_bytes_are_written_as_byte_level_bpe_writes_them() -> None:
    letters = byte_letters()
    assert letters[ord("a")] == "a"
    assert letters[ord(" ")] == "Ġ"
    assert letters[ord("\n")] == "Ċ"
    assert len(set(letters)) == 256


def test_words_are_one_token_each_at_the_start_and_after_a_space(tokenizer: Tokenizer) -> None:
    size = tokenizer.get_vocab_size()
    some = words(size)[::37]
    text = " ".join(some)
    assert len(tokenizer.encode(text, add_special_tokens=False).ids) == len(some)
    assert all(id >= PLAIN for id in tokenizer.encode(text, add_special_tokens=False).ids)
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_every_word_and_only_words_are_above_the_silenced_ids(tokenizer: Tokenizer) -> None:
    size = tokenizer.get_vocab_size()
    assert all(tokenizer.decode([id]).strip().isalpha() for id in range(PLAIN, size, 101))


def test_sparks_own_form_of_a_conversation_fits() -> None:
    assert is_phi(dict.fromkeys(SPECIAL))


def test_files_know_which_model_they_are(tmp_path: Path) -> None:
    assert not is_made(tmp_path, "tiny")
    write_mark(tmp_path, "tiny")
    assert is_made(tmp_path, "tiny")
    assert not is_made(tmp_path, "quarter")
    (tmp_path / "made.json").write_text(json.dumps({"fingerprint": fingerprint("tiny") + "0"}))
    assert not is_made(tmp_path, "tiny")
    (tmp_path / "made.json").write_text("{")
    assert not is_made(tmp_path, "tiny")
