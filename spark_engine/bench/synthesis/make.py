"""Makes a synthetic model: random weights, from them the ONNX folder and the GGUF file, swapped in whole."""

import shutil
from collections.abc import Callable
from pathlib import Path

from spark_engine.bench.synthesis.gguf_file import write_gguf
from spark_engine.bench.synthesis.made import GGUF, gguf_file, onnx_folder, work_folder, write_mark
from spark_engine.bench.synthesis.onnx_folder import write_onnx
from spark_engine.bench.synthesis.shape import SHAPES
from spark_engine.bench.synthesis.vocabulary import write_tokenizer
from spark_engine.bench.synthesis.weights import save_random_model

Progress = Callable[[float, str], None]
WEIGHTS, ONNX = 0.15, 0.65
"""Fractions of the whole after which the weights and the ONNX files are there."""


def make(size: str, folder: Path, progress: Progress) -> None:
    """The model of this size in `folder`, in place of what lay there."""
    work = work_folder(folder)
    shutil.rmtree(work, ignore_errors=True)
    (work / "made" / GGUF).mkdir(parents=True)
    try:
        _make(size, work, _rising(progress))
        shutil.rmtree(folder, ignore_errors=True)
        (work / "made").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _make(size: str, work: Path, progress: Progress) -> None:
    source, made, shape = work / "source", work / "made", SHAPES[size]
    progress(0.0, "inventing weights")
    save_random_model(size, source)
    write_tokenizer(source, shape.vocabulary)
    write_onnx(
        source,
        onnx_folder(made),
        work / "cache",
        shape.layers,
        lambda done: progress(WEIGHTS + done * (ONNX - WEIGHTS), "building the ONNX model"),
    )
    write_gguf(
        source,
        gguf_file(made),
        shape,
        lambda done: progress(ONNX + done * (1 - ONNX), "writing the GGUF file"),
    )
    write_mark(made, size)


def _rising(progress: Progress) -> Progress:
    """The same, told only what is further than before."""
    furthest = -1.0

    def tell(fraction: float, text: str) -> None:
        nonlocal furthest
        if fraction > furthest:
            furthest = fraction
            progress(fraction, text)

    return tell
