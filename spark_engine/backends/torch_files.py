"""The files of a SafeTensors or PyTorch model, checked before any library opens them."""

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from msgspec import Struct

from spark_engine.backends.torch_errors import bad_files, unsafe_file
from spark_engine.types.models import ModelFormat

READ_BYTES = 16 * 1024 * 1024
_NAMES = {"safetensors": "model.safetensors", "pytorch": "pytorch_model.bin"}


class Checkpoint(Struct, frozen=True):
    """A model folder: its `config.json` as it stands there, and the files that hold the weights."""

    folder: Path
    format: ModelFormat
    described: dict[str, Any]
    files: tuple[Path, ...]


def read_checkpoint(folder: Path, model_format: ModelFormat) -> Checkpoint:
    """What lies in `folder`; Unavailable when something is missing or points elsewhere."""
    described = _json(folder / "config.json")
    return Checkpoint(folder, model_format, described, tuple(_weight_files(folder, _NAMES[model_format])))


def read_through(files: Sequence[Path]) -> Iterator[float]:
    """Read every file once, yielding the fraction done; afterwards the system holds them in memory."""
    total = sum(file.stat().st_size for file in files) or 1
    done = 0
    for file in files:
        with file.open("rb", buffering=0) as source:
            while data := source.read(READ_BYTES):
                done += len(data)
                yield done / total


def read_tensors(checkpoint: Checkpoint) -> dict[str, Any]:
    """All tensors of a PyTorch checkpoint by name; Unavailable when a file holds anything else."""
    tensors: dict[str, Any] = {}
    for file in checkpoint.files:
        tensors |= _plain_tensors(file)
    return tensors


def _plain_tensors(file: Path) -> dict[str, Any]:
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except MemoryError:
        raise
    except Exception as error:  # a hostile file can fail in any way
        raise unsafe_file(file, _reason(error)) from error
    if not isinstance(loaded, dict) or not loaded:
        raise unsafe_file(file, f"it holds a {type(loaded).__name__} instead of named tensors")
    for name, value in loaded.items():
        if not isinstance(name, str) or not _is_plain(value):
            raise unsafe_file(file, f"{str(name)[:80]} is no plain tensor")
    return loaded


def _is_plain(value: object) -> bool:
    return (
        type(value) in (torch.Tensor, torch.nn.Parameter)
        and value.layout == torch.strided  # type: ignore[attr-defined]
        and not value.is_quantized  # type: ignore[attr-defined]
    )


def _reason(error: Exception) -> str:
    """What a pickle asked for, else torch's words; its advice to open the file all the same is left out."""
    asked = re.search(r"GLOBAL (\S+)", str(error))
    if asked is not None:
        return f"it asks for {asked[1][:80]}"
    first = str(error).partition("\n")[0][:200]
    return type(error).__name__ if "weights_only" in first or not first else first


def _weight_files(folder: Path, name: str) -> list[Path]:
    """The files an index lists, else the one file; for PyTorch also a lone `.pt`."""
    index = folder / f"{name}.index.json"
    if index.is_file():
        return [_inside(folder, part) for part in _listed(index)]
    if (folder / name).is_file():
        return [_inside(folder, name)]
    lone = sorted(folder.glob("*.pt")) if name.endswith(".bin") else []
    if len(lone) != 1:
        raise bad_files(folder, f"{name} is missing")
    return lone


def _listed(index: Path) -> list[str]:
    places = _json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(part, str) for part in places.values()):
        raise bad_files(index.parent, f"{index.name} lists no files")
    return sorted(set(places.values()))


def _inside(folder: Path, name: str) -> Path:
    """The file `name` of the folder itself; a path that leads elsewhere is refused."""
    if not name or "\0" in name or Path(name).name != name or "\\" in name:
        raise bad_files(folder, "its weights must lie in the model's own folder")
    if not (folder / name).is_file():
        raise bad_files(folder, f"{name} is missing")
    return folder / name


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise bad_files(file.parent, f"{file.name} is missing") from error
    except (OSError, ValueError) as error:
        raise bad_files(file.parent, f"{file.name} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise bad_files(file.parent, f"{file.name} is no JSON object")
    return value
