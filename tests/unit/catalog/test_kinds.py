"""What a model is made for, by its files; and the library finds models that only read."""

import json
from pathlib import Path

import pytest

from spark_engine.catalog.kinds import model_kind
from spark_engine.catalog.library import GENAI_CONFIG, read_library
from spark_engine.paths import BaseDir
from spark_engine.types.models import ModelFormat, ModelKind, NotInstalled, Unloaded

CARD = """
id = "bge"
name = "BGE"
family = "bert"
licence = "MIT"
summary = "Embeds."
parameters = 7
context = 512
kind = "embedder"
pooling = "cls"
[[variants]]
id = "onnx"
format = "onnx"
quantization = "float32"
[[variants]]
id = "safetensors"
format = "safetensors"
quantization = "float32"
"""


def write(folder: Path, *architectures: str, files: tuple[str, ...] = ()) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"architectures": architectures}))
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("[]")
    return folder


@pytest.mark.parametrize(
    ("model_format", "architectures", "files", "kind"),
    [
        ("safetensors", ("Phi3ForCausalLM",), (), "generator"),
        ("safetensors", ("GPT2LMHeadModel",), (), "generator"),
        ("safetensors", ("BertModel",), (), "embedder"),
        ("safetensors", ("XLMRobertaForMaskedLM",), (), "embedder"),
        ("safetensors", ("Qwen3ForCausalLM",), ("modules.json",), "embedder"),
        ("safetensors", ("BertForSequenceClassification",), (), "reranker"),
        ("pytorch", ("XLMRobertaForSequenceClassification",), ("modules.json",), "reranker"),
        ("onnx", ("BertModel",), ("onnx/model.onnx",), "embedder"),
        ("onnx", ("Phi3ForCausalLM",), (GENAI_CONFIG,), "generator"),
        ("onnx", ("BertModel",), (GENAI_CONFIG,), "generator"),
        ("onnx", (), (GENAI_CONFIG,), "generator"),
        ("safetensors", (), (), "generator"),
        ("echo", (), (), "generator"),
    ],
)
def test_the_files_say_what_a_model_is_made_for(
    tmp_path: Path,
    model_format: ModelFormat,
    architectures: tuple[str, ...],
    files: tuple[str, ...],
    kind: ModelKind,
) -> None:
    assert model_kind(model_format, write(tmp_path, *architectures, files=files)) == kind


@pytest.mark.parametrize(
    "text", ["", "[1", "[]", "{}", '{"architectures": 5}', '{"architectures": [5]}', "\x00"]
)
def test_a_configuration_that_says_nothing_means_a_model_that_writes(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert model_kind("safetensors", tmp_path) == "generator"


def test_a_card_tells_the_kind_until_the_files_do(tmp_path: Path) -> None:
    base = BaseDir(tmp_path)
    base.create()
    (tmp_path / "model_cards").mkdir()
    (tmp_path / "model_cards" / "bge.toml").write_text(CARD)
    bge = read_library(base)["bge"]
    assert (bge.pooling, [(v.kind, v.status) for v in bge.variants]) == (
        "cls",
        [("embedder", NotInstalled())] * 2,
    )
    folder = write(base.models / "bge" / "onnx", "BertForSequenceClassification", files=("onnx/model.onnx",))
    onnx = read_library(base)["bge"].variants[0]
    assert (onnx.kind, onnx.status, onnx.path) == ("reranker", Unloaded(), str(folder))


def test_folders_without_a_card_are_found_when_their_model_only_reads(tmp_path: Path) -> None:
    base = BaseDir(tmp_path)
    base.create()
    write(base.models / "mini" / "onnx", "BertModel", files=("onnx/model.onnx", "model.safetensors"))
    write(base.models / "mini" / "st", "BertModel", files=("model.safetensors",))
    write(base.models / "writes" / "st", "LlamaForCausalLM", files=("model.safetensors",))
    write(base.models / "nothing" / "here", "BertModel")
    library = read_library(base)
    assert [(v.id, v.format, v.kind) for v in library["mini"].variants] == [
        ("mini:onnx", "onnx", "embedder"),
        ("mini:st", "safetensors", "embedder"),
    ]
    assert not library.keys() & {"writes", "nothing"}
