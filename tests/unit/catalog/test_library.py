"""The library: cards shipped and written by the user, and what really lies on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spark_engine.catalog.cards import read_cards
from spark_engine.catalog.library import GENAI_CONFIG, read_library
from spark_engine.paths import BaseDir, resources
from spark_engine.types.models import NotInstalled, Unloaded

CARD = """
id = "mine"
name = "Mine"
family = "phi"
licence = "MIT"
summary = "A model."
parameters = 7
context = 2048
[sampling]
temperature = 0.5
[[variants]]
id = "onnx"
format = "onnx"
quantization = "int4"
[[variants]]
id = "gguf"
format = "gguf"
quantization = "Q8_0"
file = "mine.gguf"
"""


@pytest.fixture
def base(tmp_path: Path) -> BaseDir:
    base = BaseDir(tmp_path)
    base.create()
    (tmp_path / "model_cards").mkdir()
    return base


def place(base: BaseDir, path: str, text: str = "{}") -> None:
    file = base.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_the_shipped_cards_are_all_readable() -> None:
    files = list((resources() / "model_cards").glob("*.toml"))
    cards = read_cards([resources() / "model_cards"])
    assert len(cards) == len(files) >= 2
    assert {"phi-4-mini", "spark-nano"} <= set(cards)


def test_a_users_card_and_files_are_found(base: BaseDir) -> None:
    place(base, "model_cards/mine.toml", CARD)
    place(base, f"models/mine/onnx/{GENAI_CONFIG}", "12345")
    mine = read_library(base)["mine"]
    onnx, gguf = mine.variants
    assert (onnx.id, onnx.status, onnx.size_bytes) == ("mine:onnx", Unloaded(), 5)
    assert onnx.path == str(base.models / "mine" / "onnx")
    assert (gguf.id, gguf.status, gguf.path) == ("mine:gguf", NotInstalled(), None)
    assert mine.sampling.temperature == 0.5
    place(base, "models/mine/gguf/mine.gguf")
    assert read_library(base)["mine"].variants[1].path == str(base.models / "mine" / "gguf" / "mine.gguf")


def test_a_folder_without_a_card_is_listed_by_its_names(base: BaseDir) -> None:
    place(base, f"models/own/fp16/{GENAI_CONFIG}")
    place(base, f"models/Bad Name/x/{GENAI_CONFIG}")
    library = read_library(base)
    assert [v.id for v in library["own"].variants] == ["own:fp16"]
    assert "Bad Name" not in library


def test_a_bad_card_is_skipped_and_named(base: BaseDir, expect_log: Callable[[str], None]) -> None:
    expect_log("model card skipped: bad.toml: .*`name`")
    place(base, "model_cards/bad.toml", "id = 'bad'\n")
    assert "bad" not in read_library(base)
