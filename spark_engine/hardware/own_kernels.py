"""Where Spark's own library of arithmetic lies; it is there when Spark was installed where a compiler was."""

import hashlib
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import spark_engine
from spark_engine.hardware.cpu_features import cpu_features

_NAME = "_kernels"


@cache
def kernels_version() -> str:
    """What changes when the library is built anew; empty where there is none, or this processor lacks what it needs."""
    library = kernels_library()
    if library is None or not {"avx2", "fma"} <= cpu_features():
        return ""
    return hashlib.sha256(library.read_bytes()).hexdigest()[:16]


@cache
def kernels_library() -> Path | None:
    """The file, or None."""
    folder = Path(spark_engine.__file__).parent / "backends"
    return next((file for s in EXTENSION_SUFFIXES if (file := folder / f"{_NAME}{s}").is_file()), None)
