"""Tensors whose values lie in other files: these must be the model's own, and hold what the tensors claim."""

import re
from collections.abc import Iterable

from spark_engine.catalog.formats.folder import ModelFolder, beside
from spark_engine.catalog.formats.names import safe_name
from spark_engine.catalog.formats.onnx_model import OnnxModel, Tensor
from spark_engine.catalog.formats.refusal import require, shown

MOST_FILES = 4096
_NUMBER = re.compile(r"[0-9]{1,18}")


def check_external(folder: ModelFolder, name: str, model: OnnxModel) -> None:
    """Refused when the ONNX file `name` refers to anything but its own folder's data."""
    tensors = [tensor for tensor in model.tensors if tensor.external]
    sizes = _sizes(folder, name, {tensor.external["location"] for tensor in tensors})
    for tensor in tensors:
        _check_range(tensor, sizes[tensor.external["location"]])
    for file in {node.file for node in model.nodes if node.file and node.numbers.get("embed_mode") == 0}:
        folder.open_own(beside(name, safe_name(file))).__exit__(None, None, None)


def _sizes(folder: ModelFolder, name: str, locations: Iterable[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for location in sorted(locations):
        require(len(sizes) < MOST_FILES, "too_many_files", "its values lie in more files than a model has")
        with folder.open_own(beside(name, safe_name(location))) as source:
            sizes[location] = source.size
    return sizes


def _check_range(tensor: Tensor, size: int) -> None:
    location, called = tensor.external["location"], shown(tensor.name, 60)
    offset = _number(tensor, "offset", 0)
    length = _number(tensor, "length", tensor.bytes)
    require(
        length == tensor.bytes, "size_mismatch", f"{called} has another size than its shape says", location
    )
    inside = offset + length <= size
    require(inside, "truncated", f"{called} ends {offset + length - size} bytes behind the end", location)


def _number(tensor: Tensor, key: str, default: int) -> int:
    text = tensor.external.get(key)
    if text is None:
        return default
    is_number = _NUMBER.fullmatch(text) is not None
    require(is_number, "bad_external_data", f"{shown(tensor.name, 60)} has a {key} that is no number")
    return int(text)
