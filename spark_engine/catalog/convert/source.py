"""A first look at the model to convert: what family it is, how large, and why it cannot be converted."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from spark_engine.catalog.convert.families import GGUF_FAMILIES, NAMES
from spark_engine.catalog.convert.targets import Target
from spark_engine.errors import InvalidRequest
from spark_engine.types.models import VariantEntry

_MOST_BYTES = 4 * 1024 * 1024
_WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2}
_PATTERNS = {"safetensors": ("*.safetensors",), "pytorch": ("*.bin", "*.pt"), "gguf": ("*.gguf",)}


class Source(Struct, frozen=True):
    """What is known before any weight is read. `embedding`: numbers of the largest tensor; 0 where it is unknown."""

    architecture: str
    parameters: int
    weights_bytes: int
    embedding: int = 0


def read_source(variant: VariantEntry) -> Source:
    """What lies at the variant's path. Never fails: what cannot be read is empty or 0."""
    path = Path(variant.path or "")
    weights = _weights_bytes(path, variant)
    if variant.format == "gguf":
        return Source("", 0, weights)
    config = read_json(path / "config.json")
    names = config.get("architectures")
    width = _WIDTHS.get(str(config.get("dtype") or config.get("torch_dtype")), 2)
    return Source(
        str(names[0]) if isinstance(names, list) and names else "",
        weights // width,
        weights,
        _number(config, "vocab_size") * _number(config, "hidden_size"),
    )


def check_source(variant: VariantEntry, source: Source, target: Target) -> None:
    """InvalidRequest when this model can never become that file."""
    if variant.format == "gguf":
        return
    config = read_json(Path(variant.path or "") / "config.json")
    if not source.architecture:
        raise _refused(variant, "its config.json does not say what kind of model it is")
    if config.get("quantization_config"):
        raise _refused(variant, "its weights are already quantized; take the original ones")
    if target.format == "gguf" and source.architecture not in GGUF_FAMILIES:
        raise InvalidRequest(
            "unknown_family",
            "This family cannot be written as GGUF",
            f"{variant.id} is a {source.architecture[:80]}. Known families: {NAMES}.",
            "Convert it to ONNX, or download a GGUF file of it.",
            param="source",
        )


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object from a file; empty when there is none, or it is too large or broken."""
    try:
        with file.open("rb") as opened:
            value: Any = msgspec.json.decode(opened.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return {}
    return value if isinstance(value, dict) else {}


def _number(config: dict[str, Any], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) and 0 < value < 2**24 else 0


def _weights_bytes(path: Path, variant: VariantEntry) -> int:
    if path.is_file():
        return path.stat().st_size
    found = [f for pattern in _PATTERNS.get(variant.format, ()) for f in path.glob(pattern) if f.is_file()]
    return sum(f.stat().st_size for f in found) or variant.size_bytes


def _refused(variant: VariantEntry, why: str) -> InvalidRequest:
    return InvalidRequest(
        "not_convertible", "This model cannot be converted", f"{variant.id}: {why}.", param="source"
    )
