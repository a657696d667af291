"""A first look at a GGUF file before any native code reads it: magic, version, and counts that fit its size."""

import struct
from pathlib import Path

from spark_engine.errors import Unavailable

_HEADER = struct.Struct("<4sIQQ")
_VERSIONS = (2, 3)
# The least a file needs to describe one tensor (name length, name, dimensions, type, offset) or one value.
_LEAST_TENSOR = 8 + 1 + 4 + 8 + 4 + 8
_LEAST_VALUE = 8 + 1 + 4 + 1


def check_header(file: Path) -> None:
    """Refuse what cannot be a GGUF model: Unavailable, saying why."""
    try:
        if not file.is_file():
            raise _bad(file, "there is no such file")
        size = file.stat().st_size
        with file.open("rb") as source:
            start = source.read(_HEADER.size)
    except OSError as error:
        raise _bad(file, f"it cannot be read ({error.strerror})") from error
    if not start.startswith(b"GGUF"):
        raise _bad(file, "it is not a GGUF file")
    if len(start) < _HEADER.size:
        raise _bad(file, "it ends in its header")
    _, version, tensors, values = _HEADER.unpack(start)
    if version not in _VERSIONS:
        raise _bad(file, f"it has GGUF version {version}; Spark reads {_VERSIONS[0]} and {_VERSIONS[1]}")
    if not tensors or not values or tensors * _LEAST_TENSOR + values * _LEAST_VALUE > size:
        raise _bad(file, "its header promises more or less than the file holds")


def _bad(file: Path, what: str) -> Unavailable:
    return Unavailable(
        "bad_model_files",
        "The model's file cannot be used",
        f"{file}: {what}.",
        "Download the model again, or point Spark at the .gguf file itself.",
    )
