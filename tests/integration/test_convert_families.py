"""Every family written as GGUF computes in llama.cpp what transformers computes with the original weights."""

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spark_engine.errors import Unavailable
from tests.support import sentence_pieces
from tests.support.decoders import load_model, safetensors_folder, write_pytorch
from tests.support.tiny_families import FAMILIES, FIRST_WORD, VOCABULARY, write_family

pytestmark = [pytest.mark.component("torch"), pytest.mark.component("gguf")]
LENGTH = 48
NEAR = 5e-3
"""Largest difference of logits: Gemma's activation is rounded to 16 bits by llama.cpp, all others agree to 1e-5."""
TEXTS = ("hello world, then the models answer!", "there  are   three tokens", "Grüße, 世界 🙂 the end")
Write = Callable[[Path, Path, str], Path]


def written(source: Path, folder: Path, quantization: str = "F32", model_format: Any = "safetensors") -> Path:
    """The GGUF file of a folder."""
    from spark_engine.backends.convert.gguf_file import GgufModelWriter

    folder.mkdir(exist_ok=True)
    file = folder / "model.gguf"
    GgufModelWriter(source, model_format, source.name, folder).write(
        file, quantization, lambda done, step: None
    )
    return file


def expected(model: Any, tokens: list[int]) -> NDArray[np.float32]:
    """Transformers' logits after every token."""
    import torch

    with torch.no_grad():
        logits: NDArray[np.float32] = model(torch.tensor([tokens])).logits[0].numpy()
    return logits


def computed(file: Path, tokens: list[int]) -> NDArray[np.float32]:
    """Spark's logits after every token, one token a step."""
    from spark_engine.backends.base import SlotInput

    model = load_model("gguf", slots=1, context=256, path=str(file))
    try:
        rows = []
        for place, token in enumerate(tokens):
            (logits,) = model.decoder.forward([SlotInput(0, place, [token], True)])
            assert logits is not None
            rows.append(logits.copy())
    finally:
        model.decoder.close()
    return np.stack(rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_keeps_what_it_computes(family: str, tmp_path: Path):
    source = tmp_path / family
    model = write_family(family, source)
    tokens = [int(t) for t in np.random.default_rng(5).integers(FIRST_WORD, VOCABULARY, LENGTH)]
    right, ours = expected(model, tokens), computed(written(source, tmp_path / "made"), tokens)
    assert (right.argmax(-1) == ours.argmax(-1)).all()
    assert np.abs(right - ours).max() < NEAR
    assert np.ptp(right) > 100 * NEAR


@pytest.mark.parametrize("quantization", ["F16", "Q8_0", "Q4_0"])
def test_rounded_weights_stay_near(quantization: str, tmp_path: Path):
    source = tmp_path / "llama"
    model = write_family("llama", source)
    tokens = [int(t) for t in np.random.default_rng(6).integers(FIRST_WORD, VOCABULARY, LENGTH)]
    right = expected(model, tokens)
    ours = computed(written(source, tmp_path / "made", quantization), tokens)
    apart = float((right - ours).std() / right.std())
    assert 0 < apart < {"F16": 0.005, "Q8_0": 0.08, "Q4_0": 0.7}[quantization], apart


def test_pytorch_weights_give_the_same_file(tmp_path: Path):
    source = safetensors_folder()
    checkpoint = write_pytorch(tmp_path / source.name, source)
    one = written(source, tmp_path / "one", "Q8_0")
    other = written(checkpoint, tmp_path / "other", "Q8_0", "pytorch")
    assert one.stat().st_size == other.stat().st_size
    assert _tensors(one) == _tensors(other)


def _tensors(file: Path) -> dict[str, bytes]:
    from gguf import GGUFReader

    return {tensor.name: bytes(tensor.data) for tensor in GGUFReader(file).tensors}


def test_only_a_tensor_at_a_time_is_in_memory(tmp_path: Path):
    source = tmp_path / "llama"
    write_family("llama", source, num_hidden_layers=12, hidden_size=256, intermediate_size=768)
    written(source, tmp_path / "first")  # imports
    tracemalloc.start()
    try:
        file = written(source, tmp_path / "made")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.stat().st_size > 30_000_000
    assert peak < 8_000_000


def test_metadata_of_the_bundled_model(tmp_path: Path):
    from spark_engine.backends.convert.llama_quantizer import quantize
    from spark_engine.backends.gguf_model import open_vocabulary
    from spark_engine.backends.gguf_vocabulary import GgufVocabulary

    file = written(safetensors_folder(), tmp_path / "made", "F16")
    model = open_vocabulary(file)
    assert model.architecture == "phi3"
    assert (model.number("context_length"), model.number("rope.scaling.original_context_length")) == (
        8192,
        4096,
    )
    model.close()
    vocabulary = GgufVocabulary(file)
    assert {0, 1} <= vocabulary.eos
    assert "add_generation_prompt" in vocabulary.template
    smaller = tmp_path / "smaller.gguf"
    told: list[float] = []
    quantize(file, smaller, "Q4_K_M", 2, told.append)
    assert smaller.stat().st_size < 0.5 * file.stat().st_size
    assert len(told) > 10
    assert told == sorted(told)


@pytest.mark.parametrize("with_model", [False, True], ids=["tokenizer.json", "tokenizer.model"])
def test_sentence_pieces_give_the_same_tokens(with_model: bool, tmp_path: Path):
    from tokenizers import Tokenizer

    from spark_engine.backends.gguf_vocabulary import GgufVocabulary

    source = tmp_path / "llama"
    write_family(
        "llama", source, vocab_size=len(sentence_pieces.pieces()) + 5, bos_token_id=1, eos_token_id=2
    )
    sentence_pieces.write_json(source)
    if with_model:
        sentence_pieces.write_model(source)
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    vocabulary = GgufVocabulary(written(source, tmp_path / "made", "F16"))
    for text in TEXTS:
        assert vocabulary.encode(text) == tokenizer.encode(text, add_special_tokens=False).ids
    assert vocabulary.prefix == (1,)
    assert vocabulary.size == len(sentence_pieces.pieces()) + 5
    assert "<|user|>" in vocabulary.special


LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"


@pytest.mark.parametrize(
    ("pattern", "whole_words", "name"),
    [
        (rf"{SHORT}|{LETTERS}|\p{{N}}{{1,3}}|{REST}", True, "llama-bpe"),
        (rf"{SHORT}|{LETTERS}|\p{{N}}|{REST}", False, "qwen2"),
        ("", False, "gpt-2"),
    ],
    ids=["llama-bpe", "qwen2", "gpt-2"],
)
def test_how_text_is_cut_up_is_found(pattern: str, whole_words: bool, name: str, tmp_path: Path):
    from gguf import GGUFReader

    source = tmp_path / "llama"
    write_family("llama", source)
    (source / "tokenizer.json").write_text(_trained(pattern, whole_words), encoding="utf-8")
    found = GGUFReader(written(source, tmp_path / "made")).get_field("tokenizer.ggml.pre")
    assert found is not None
    assert found.contents() == name


def _trained(pattern: str, whole_words: bool) -> str:
    """A byte-level tokenizer that learnt its merges from text cut up by a pattern (empty: GPT-2's)."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    from spark_engine.backends.convert.pre_tokenizer import PROBES

    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not pattern)
    cutters = [pre_tokenizers.Split(Regex(pattern), "isolated"), level] if pattern else [level]
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole_words))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cutters)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([*PROBES, *(f"{n} {n}.{n % 97}" for n in range(1000))], trainer)
    return str(tokenizer.to_str())


def test_a_tokenizer_that_llama_cpp_does_not_know_is_refused(tmp_path: Path):
    source = tmp_path / "llama"
    write_family("llama", source)
    file = source / "tokenizer.json"
    described = json.loads(file.read_text(encoding="utf-8"))
    every_letter = {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated", "invert": False}
    level = {**described["pre_tokenizer"], "use_regex": False}
    described["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [every_letter, level]}
    file.write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(Unavailable, match="other tokens"):
        written(source, tmp_path / "made")


def test_settings_that_gguf_cannot_say_are_refused(tmp_path: Path):
    source = tmp_path / "llama"
    write_family("llama", source)
    file = source / "config.json"
    good = json.loads(file.read_text(encoding="utf-8"))
    for change, word in (
        ({"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}, "dynamic"),
        ({"hidden_act": "relu"}, "relu"),
        ({"architectures": ["MambaForCausalLM"]}, "known families: Llama"),
    ):
        file.write_text(json.dumps({**good, **change}), encoding="utf-8")
        with pytest.raises(Unavailable, match=word):
            written(source, tmp_path / "made")


def test_a_tensor_without_a_place_is_refused(tmp_path: Path):
    from safetensors.torch import load_file, save_file

    source = tmp_path / "llama"
    write_family("llama", source)
    tensors = load_file(source / "model.safetensors")
    tensors["model.layers.0.self_attn.gate_of_its_own.weight"] = tensors["model.norm.weight"].clone()
    save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Unavailable, match="gate_of_its_own"):
        written(source, tmp_path / "made")
    shutil.rmtree(source)
