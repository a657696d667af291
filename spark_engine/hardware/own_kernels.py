"""Where Spark's own library of arithmetic lies; it is there when Spark was installed where a compiler was."""

from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import spark_engine

_NAME = "_kernels"


@cache
def kernels_library() -> Path | None:
    """The file, or None."""
    folder = Path(spark_engine.__file__).parent / "backends"
    return next((file for s in EXTENSION_SUFFIXES if (file := folder / f"{_NAME}{s}").is_file()), None)
