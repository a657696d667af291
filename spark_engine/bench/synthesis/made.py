"""Where a synthetic model's files lie, and whether they are those that would be made. Standard library only."""

import hashlib
import json
from pathlib import Path

from spark_engine.bench.synthesis.shape import SHAPES

RECIPE = 1
"""Raised when files made before must be made anew."""
MARK = "made.json"
ONNX, GGUF = "onnx-int4", "gguf-q4_0"


def work_folder(folder: Path) -> Path:
    """Where the model of `folder` is made, before it is moved there whole."""
    return folder.with_name(f".{folder.name}.making")


def onnx_folder(folder: Path) -> Path:
    """The ONNX files of the model in `folder`."""
    return folder / ONNX


def gguf_file(folder: Path) -> Path:
    """The GGUF file of the model in `folder`."""
    return folder / GGUF / "synthetic-q4_0.gguf"


def fingerprint(size: str) -> str:
    """Changes when the files would."""
    return hashlib.sha256(json.dumps([RECIPE, SHAPES[size]]).encode()).hexdigest()[:16]


def is_made(folder: Path, size: str) -> bool:
    """Whether the model of this size lies in `folder`, whole."""
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(mark == {"fingerprint": fingerprint(size)})


def write_mark(folder: Path, size: str) -> None:
    """Say that the files in `folder` are whole."""
    (folder / MARK).write_text(json.dumps({"fingerprint": fingerprint(size)}), encoding="utf-8")
