"""What keeps a SafeTensors or PyTorch model from running, said to people."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spark_engine.errors import Unavailable

_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def bad_files(folder: Path, what: str) -> Unavailable:
    """A file is missing, broken or not where it should be."""
    return Unavailable(
        "bad_model_files",
        "The model's files cannot be used",
        f"{folder}: {what}.",
        "Download the model again, or point Spark at the folder where config.json lies.",
    )


def unsafe_file(file: Path, what: str) -> Unavailable:
    """A checkpoint that is not plain tensors: opening it in full could run a program hidden in it."""
    return Unavailable(
        "unsafe_model_file",
        "The model file is refused",
        f"{file} is damaged or holds more than plain tensors ({what}). Such a file could run a program of its "
        "own, so Spark does not open it.",
        "Get the model in SafeTensors, ONNX or GGUF format.",
    )


def unsupported(folder: Path, what: str) -> Unavailable:
    """The files are sound, but Spark cannot compute this kind of model."""
    return Unavailable(
        "unsupported_architecture",
        "This kind of model cannot be run",
        f"{folder}: {what}.",
        "Choose another model, or another variant of this one in ONNX or GGUF format.",
    )


def out_of_memory(folder: Path, needed: int = 0, free: int = 0) -> Unavailable:
    """The weights do not fit; `needed` and `free` in bytes, 0 when it is not known how much is missing."""
    counted = f": its weights take {_gigabytes(needed)} as 32-bit numbers, {_gigabytes(free)} are free"
    return Unavailable(
        "out_of_memory",
        "Not enough memory",
        f"{folder} needs more memory than is free{counted if needed else ''}.",
        "Close other programs, choose a smaller model or a quantized variant, or use a smaller context.",
    )


@contextmanager
def memory_guard(folder: Path) -> Iterator[None]:
    """Turn torch's failed allocations into `out_of_memory`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
            raise out_of_memory(folder) from error
        raise


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
