"""The small parts of a conversion to GGUF: order of rows, rotary factors, tokens, and names."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spark_engine.errors import Unavailable
from tests.support import sentence_pieces

pytest.importorskip("torch")
pytest.importorskip("llama_cpp")
pytest.importorskip("gguf")
pytestmark = [pytest.mark.component("torch"), pytest.mark.component("gguf")]


class Said(list[tuple[str, tuple[Any, ...]]]):
    """Takes the place of a GGUF writer: what was added, in order."""

    def __getattr__(self, name: str) -> Any:
        return lambda *values: self.append((name, values))

    def value(self, name: str) -> Any:
        return next(values[0] for said, values in self if said == name)


def settings(**given: Any):
    from spark_engine.backends.convert.settings import Settings

    sizes = {"hidden_size": 64, "num_attention_heads": 4, "max_position_embeddings": 1024}
    return Settings({**sizes, **given})


def test_rows_of_a_head_are_paired():
    from spark_engine.backends.convert.gguf_tensors import pair_halves

    rows = np.arange(16, dtype=np.float32)[:, None].repeat(2, 1)
    assert pair_halves(rows, heads=2)[:, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]
    assert pair_halves(rows[:, 0], heads=4).tolist() == [0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15]


def test_old_and_new_wording_of_rotation_are_one():
    new = settings(rope_parameters={"rope_type": "linear", "rope_theta": 5e5, "factor": 4.0})
    old = settings(rope_scaling={"type": "linear", "factor": 4.0}, rope_theta=5e5)
    for one in (new, old):
        rope = one.rope()
        assert (rope["rope_type"], rope["rope_theta"], rope["factor"]) == ("linear", 5e5, 4.0)
    assert settings().rope()["rope_type"] == "default"
    layers = settings(
        rope_parameters={"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    )
    assert layers.rope("full_attention")["rope_theta"] == 1e6
    assert layers.rope("sliding_attention")["rope_theta"] == 1e4


def test_long_factors_come_with_their_attention_factor():
    from spark_engine.backends.convert.gguf_rope import write_rope

    factors = {"short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
    said = Said()
    long = settings(rope_scaling={"type": "longrope", **factors}, original_max_position_embeddings=256)
    made = write_rope(said, long, knows_long=True)
    assert {name: values[0] for name, values in made.items()} == {
        "rope_factors_long.weight": 2.0,
        "rope_factors_short.weight": 1.0,
    }
    assert said.value("add_rope_scaling_orig_ctx_len") == 256
    assert said.value("add_rope_scaling_attn_factors") == pytest.approx(
        math.sqrt(1 + math.log(4) / math.log(256))
    )
    with pytest.raises(Unavailable, match="longrope"):
        write_rope(Said(), long, knows_long=False)
    short = settings(
        rope_scaling={"type": "longrope", "short_factor": [1.0]}, original_max_position_embeddings=256
    )
    with pytest.raises(Unavailable, match="8 each"):
        write_rope(Said(), short, knows_long=True)


@pytest.mark.parametrize(
    ("given", "context"),
    [
        ({}, 1024),
        ({"sliding_window": 256}, 256),
        ({"sliding_window": 256, "use_sliding_window": False}, 1024),
    ],
)
def test_the_context_ends_where_llama_cpp_would_forget_the_window(given: dict[str, Any], context: int):
    from spark_engine.backends.convert.gguf_families import Family, write_sizes

    rest = {"intermediate_size": 8, "num_hidden_layers": 1, "rms_norm_eps": 1e-5, "vocab_size": 9}
    said = Said()
    write_sizes(said, settings(**rest, **given), Family())
    assert said.value("add_context_length") == context


def test_a_missing_size_is_named():
    with pytest.raises(Unavailable, match="intermediate_size"):
        settings().number("intermediate_size")


def test_a_sentence_piece_model_is_read(tmp_path: Path):
    from spark_engine.backends.convert.sentencepiece import BPE, read_model

    sentence_pieces.write_model(tmp_path)
    model = read_model(tmp_path / "tokenizer.model")
    assert [piece.text for piece in model.pieces] == sentence_pieces.pieces()
    assert (model.pieces[0].kind, model.pieces[1].kind, model.pieces[10].kind) == (2, 3, 6)
    assert model.pieces[300].score == -300.0
    assert model.model_type == BPE
    assert model.adds_space


@pytest.mark.parametrize("cut", [1, 2, 5, 1000])
def test_a_broken_sentence_piece_model_is_told(cut: int, tmp_path: Path):
    from spark_engine.backends.convert.sentencepiece import read_model

    file = tmp_path / "tokenizer.model"
    file.write_bytes(
        sentence_pieces.model_bytes()[:-cut] + b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    )
    with pytest.raises(Unavailable, match=r"tokenizer\.model"):
        read_model(file)


def test_a_unigram_model_is_refused(tmp_path: Path):
    from spark_engine.backends.convert.tokens import read_tokens

    (tmp_path / "tokenizer.model").write_bytes(sentence_pieces.model_bytes(model_type=1))
    with pytest.raises(Unavailable, match="no BPE"):
        read_tokens(tmp_path, 10)


def test_tokens_are_as_many_as_the_model_has_rows(tmp_path: Path):
    from spark_engine.backends.convert.tokens import BYTE, CONTROL, NORMAL, UNKNOWN, UNUSED, read_tokens

    sentence_pieces.write_json(tmp_path)
    count = len(sentence_pieces.pieces())
    more = read_tokens(tmp_path, count + 3)
    assert more.texts[-3:] == [f"[PAD{count + n}]" for n in range(3)]
    assert more.kinds[-3:] == [UNUSED] * 3
    assert len(more.scores) == len(more.kinds) == count + 3
    assert (more.model, more.adds_space) == ("llama", True)
    assert (more.kinds[0], more.kinds[1], more.kinds[10], more.kinds[count - 1]) == (
        UNKNOWN,
        CONTROL,
        BYTE,
        NORMAL,
    )
    assert read_tokens(tmp_path, 100).texts == sentence_pieces.pieces()[:100]


def test_scores_follow_the_order_of_merges(tmp_path: Path):
    from spark_engine.backends.convert.tokens import read_tokens

    sentence_pieces.write_json(tmp_path)
    tokens = read_tokens(tmp_path, len(sentence_pieces.pieces()))
    scores = dict(zip(tokens.texts, tokens.scores, strict=True))
    assert scores["th"] > scores["the"] > scores["they"]


@pytest.mark.parametrize(
    ("name", "texts", "expected"),
    [
        ("phi3-of-mine", ["a"], "phi 3-of-mine"),
        ("Phi-3.5-mini", ["a"], "phi 3.5-mini"),
        ("phi-3-mini", ["<unk>", "<s>", "<|endoftext|>", "</s>"], "phi-3-mini"),
        ("phi-4-mini", ["a"], "phi-4-mini"),
    ],
)
def test_a_name_does_not_make_llama_cpp_look_for_tokens(name: str, texts: list[str], expected: str):
    from spark_engine.backends.convert.gguf_file import harmless_name
    from spark_engine.backends.convert.tokens import Tokens

    assert harmless_name(name, Tokens("gpt2", texts, [1] * len(texts), [], [])) == expected


def test_the_builders_lines_tell_its_progress():
    from spark_engine.backends.convert.onnx_builder import _steps

    told: list[tuple[float, str]] = []
    lines = [
        "Reading embedding layer",
        "Reading layer 0",
        "Reading layer 2",
        "2026 [INFO] - start to quantize /model/layers.1/attn/qkv_proj/MatMul ...",
        "Saving lm_head (u8, [1024,8,32]):  50%|█████     | 1/2",
        "",
    ]
    kept = list(_steps(iter(lines), 4, lambda done, step: told.append((done, step))))
    assert kept == lines[:-1]
    assert [step for _, step in told] == ["reading layers", "reading layers", "rounding weights", "saving"]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == pytest.approx(0.9)


def test_pytorch_weights_for_the_builder_are_the_same(tmp_path: Path):
    import torch
    from safetensors.torch import load_file

    from spark_engine.backends.convert.onnx_builder import _as_safetensors
    from spark_engine.backends.torch_files import read_checkpoint

    source = tmp_path / "source"
    source.mkdir()
    shared = torch.arange(6.0).reshape(2, 3)
    torch.save({"a": shared, "b": shared, "c": shared.T}, source / "pytorch_model.bin")
    (source / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    made = _as_safetensors(read_checkpoint(source, "pytorch"), tmp_path / "made")
    found = load_file(made / "model.safetensors")
    assert {name: value.tolist() for name, value in found.items()} == {
        "a": shared.tolist(),
        "b": shared.tolist(),
        "c": shared.T.tolist(),
    }
    assert (made / "config.json").is_file()
