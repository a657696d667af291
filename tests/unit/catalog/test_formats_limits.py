"""Bounds of the parsers, made small so that small files reach them; and the readers that all parsers stand on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from spark_engine.catalog.formats import (
    candidates,
    folder,
    onnx_external,
    onnx_model,
    protobuf,
    pytorch_zip,
    safetensors,
)
from spark_engine.catalog.formats.json_file import MOST_BYTES, parse_object
from spark_engine.catalog.formats.names import is_safe_name
from spark_engine.catalog.formats.refusal import Refused
from spark_engine.catalog.formats.source import Source
from spark_engine.catalog.inspect import inspect, inspect_all
from spark_engine.types.inspection import Rejected
from tests.support import model_files as files
from tests.support.hostile_onnx import external, genai, nested
from tests.support.hostile_safetensors import entry, header, index
from tests.support.model_files import onnx, onnx_node, onnx_tensor

TENSOR = onnx_tensor(raw=bytes(32))
LIMITS: list[tuple[ModuleType, str, int, Callable[[Path], object], str]] = [
    (folder, "MOST_ENTRIES", 2, header(a=entry()), "too_many_files"),
    (safetensors, "MOST_TENSORS", 1, header(64, a=entry(), b=entry(offsets=[32, 64])), "too_many_tensors"),
    (safetensors, "MOST_SHARDS", 1, index({"a": "a.safetensors", "b": "b.safetensors"}), "bad_index"),
    (protobuf, "MOST_FIELDS", 10, genai(onnx(TENSOR)), "too_complex"),
    (onnx_model, "MOST_NODES", 1, genai(onnx(nodes=[onnx_node("A"), onnx_node("B")])), "too_complex"),
    (onnx_model, "MOST_TENSORS", 1, genai(onnx(TENSOR, TENSOR)), "too_many_tensors"),
    (onnx_model, "MOST_DEPTH", 1, genai(nested(2)), "too_deep"),
    (onnx_model, "MOST_REFERENCES", 1, external("data"), "duplicate_key"),
    (onnx_external, "MOST_FILES", 0, external("data"), "too_many_files"),
    (
        pytorch_zip,
        "MOST_RECORDS",
        3,
        lambda place: (files.write_beside(place) / "pytorch_model.bin").write_bytes(files.checkpoint()),
        "too_many_records",
    ),
]


@pytest.mark.parametrize(
    ("module", "name", "most", "write", "code"), LIMITS, ids=lambda value: str(value)[:40]
)
def test_more_than_a_model_has(
    module: ModuleType,
    name: str,
    most: int,
    write: Callable[[Path], object],
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    write(tmp_path)
    monkeypatch.setattr(module, name, most)
    verdict = inspect(tmp_path)
    assert isinstance(verdict, Rejected) and verdict.code == code, verdict


def test_only_so_many_models_and_folders_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in "abc":
        (tmp_path / f"{name}.gguf").write_bytes(files.gguf())
    monkeypatch.setattr(candidates, "MOST_MODELS", 2)
    assert len(inspect_all(tmp_path)) == 2
    deep = tmp_path / "1" / "2" / "3" / "4"
    deep.mkdir(parents=True)
    (deep / "m.gguf").write_bytes(files.gguf())
    assert inspect_all(tmp_path / "1")[0].path == str(deep / "m.gguf")
    monkeypatch.setattr(candidates, "MOST_DEPTH", 3)
    assert inspect_all(tmp_path / "1")[0].path == str(tmp_path / "1")


@pytest.mark.parametrize(
    ("path", "code"),
    [("nothing", "missing_file"), (".", "no_model"), ("inner", "no_model"), ("link", "missing_file")],
)
def test_where_there_is_no_model(path: str, code: str, tmp_path: Path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "README.md").write_text("x")
    if path == "link":
        if os.name != "posix":
            pytest.skip("links need rights on Windows")
        (tmp_path / "link").symlink_to("nowhere")
    verdict = inspect(tmp_path / path)
    assert isinstance(verdict, Rejected) and verdict.code == code, verdict


def test_a_file_that_is_no_part_of_the_model_beside_it(tmp_path: Path):
    files.write_beside(tmp_path)
    for name in ("model.safetensors", "other.safetensors"):
        (tmp_path / name).write_bytes(files.safetensors())
    verdict = inspect(tmp_path / "other.safetensors")
    assert isinstance(verdict, Rejected) and verdict.code == "only_a_part"


def test_one_of_several_pytorch_files(tmp_path: Path):
    files.write_beside(tmp_path)
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_bytes(files.checkpoint())
    verdict = inspect(tmp_path / "a.pt")
    assert isinstance(verdict, Rejected) and verdict.code == "missing_file"


def test_a_file_that_becomes_shorter_while_it_is_read(tmp_path: Path):
    file = tmp_path / "f"
    file.write_bytes(bytes(500_000))
    with Source(file, "f") as source:
        os.truncate(file, 10)
        with pytest.raises(Refused, match="shorter"):
            source.read(400_000)


def test_a_source_stays_within_its_file(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"12345678abc")
    with Source(tmp_path / "f", "f") as source:
        assert (source.peek(100), source.u64(), source.left) == (b"12345678abc", 0x3837363534333231, 3)
        beyond = (
            lambda: source.read(4),
            lambda: source.skip(-1),
            lambda: source.seek(12),
            lambda: source.seek(-1),
        )
        for leave in beyond:
            with pytest.raises(Refused) as refused:
                leave()
            assert refused.value.code == "truncated"
        assert source.read(3) == b"abc"


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_an_inspection_in_this_process_limits_nothing_of_it(tmp_path: Path):
    program = (
        "import resource; from spark_engine.catalog.inspect import inspect\n"
        "before = resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_AS)\n"
        f"inspect({str(tmp_path)!r})\n"
        "assert before == (resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_AS))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_json_larger_than_any():
    with pytest.raises(Refused) as refused:
        parse_object(b"{" + b" " * MOST_BYTES + b"}")
    assert refused.value.code == "too_large"


def test_brackets_in_texts_nest_nothing():
    value = {"a": '[["\\' * 100, "b": ["{" * 100]}
    assert parse_object(json.dumps(value).encode()) == value


SAFE = (
    "model.onnx", "onnx/model.onnx_data", "model-00001-of-00002.safetensors", ".format_version", "Größe.bin",
    "模型.gguf", "a b.bin", "console.bin", "x" * 255,
)  # fmt: skip
UNSAFE = (
    "", ".", "..", "../a", "a/../b", "/a", "a//b", "a/", "a\\b", "C:a", "a:b", "a\0b", "a\nb", "a|b", "a*", "a?", "con",
    "NUL.txt", "com1", "LPT9.bin", "aux .txt", "a.", "a ", " a", "a/ b", "x" * 256, "a/" * 600 + "a", "\u202ea",
    "\ud800", "\ufeffa", "a\u200bb", "ü" * 128,
)  # fmt: skip


@pytest.mark.parametrize("name", SAFE)
def test_safe_names(name: str):
    assert is_safe_name(name)


@pytest.mark.parametrize("name", UNSAFE, ids=lambda name: ascii(name)[:20])
def test_unsafe_names(name: str):
    assert not is_safe_name(name)
