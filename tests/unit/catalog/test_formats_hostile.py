"""A corpus of hostile and broken model files: each is refused, for the reason that it is."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spark_engine.catalog.inspect import inspect
from spark_engine.types.inspection import Rejected
from tests.support.hostile_gguf import GGUF
from tests.support.hostile_links import LINKS
from tests.support.hostile_onnx import ONNX
from tests.support.hostile_pytorch import PYTORCH
from tests.support.hostile_safetensors import SAFETENSORS, weights
from tests.support.model_files import TOKENIZER, safetensors

Write = Callable[[Path], object]
posix = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and names of POSIX")


def corpus() -> list[object]:
    groups = {"gguf": GGUF, "safetensors": SAFETENSORS, "onnx": ONNX, "pytorch": PYTORCH, "links": LINKS}
    return [
        pytest.param(code, write, id=f"{group}: {name}", marks=[posix] if group == "links" else [])
        for group, entries in groups.items()
        for name, (code, write) in entries.items()
    ]


@pytest.mark.parametrize(("code", "write"), corpus())
def test_it_is_refused_for_its_reason(code: str, write: Write, tmp_path: Path):
    folder = tmp_path / "model"
    folder.mkdir()
    write(folder)
    verdict = inspect(folder)
    assert isinstance(verdict, Rejected), verdict
    assert verdict.code == code, verdict
    assert verdict.reason.endswith(".") and verdict.reason[0].isprintable() and verdict.path
    assert len(verdict.reason) <= 700


def test_the_corpus_is_large():
    assert len(corpus()) > 150


def test_a_tokenizer_is_read_without_keeping_it(tmp_path: Path):
    weights(safetensors())(tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps(TOKENIZER | {"added_tokens": [{}] * 10_000}))
    assert not isinstance(inspect(tmp_path), Rejected)


@pytest.mark.parametrize("path", ["\0", "", "a\udcff"])
def test_paths_that_cannot_be_told(path: str):
    verdict = inspect(path)
    assert isinstance(verdict, Rejected) and verdict.code == "unsafe_path"
