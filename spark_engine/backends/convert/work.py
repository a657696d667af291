"""Does a conversion job: one way after the other, and how far all of them are together."""

import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from spark_engine.catalog.convert.job import ConversionJob, Done
from spark_engine.catalog.convert.targets import Way, find_target, ways
from spark_engine.errors import InvalidRequest

Progress = Callable[[float, str], None]
_BETWEEN = 0.6
"""The share of writing where a file is written and then quantized."""


def convert(job: ConversionJob, progress: Progress) -> Done:
    """Make the files. SparkError when they cannot be made."""
    target = find_target(job.target_format, job.quantization)
    if target is None:
        raise InvalidRequest("unknown_target", "No such target", f"{job.target_format} {job.quantization}")
    match ways(job.source_format, target):
        case ("onnx_builder",):
            return _build(job, progress)
        case ("gguf_writer",):
            return _write(job, Path(job.folder) / job.file_name, job.quantization, progress)
        case ("llama_quantizer",):
            return _quantize(job, Path(job.source), progress)
    between = Path(job.work) / "f16.gguf"
    _write(job, between, "F16", lambda done, step: progress(_BETWEEN * done, step))
    return _quantize(job, between, lambda done, step: progress(_BETWEEN + (1 - _BETWEEN) * done, step))


def _build(job: ConversionJob, progress: Progress) -> Done:
    from spark_engine.backends.convert.onnx_builder import build_onnx

    folder = Path(job.folder)
    build_onnx(Path(job.source), job.source_format, folder, Path(job.work), job.quantization, progress)
    return Done(str(folder), _tool("onnx_builder"))


def _write(job: ConversionJob, target: Path, quantization: str, progress: Progress) -> Done:
    from spark_engine.backends.convert.gguf_file import GgufModelWriter

    model = GgufModelWriter(Path(job.source), job.source_format, job.name, Path(job.work))
    model.write(target, quantization, progress)
    return Done(str(target), _tool("gguf_writer"))


def _quantize(job: ConversionJob, source: Path, progress: Progress) -> Done:
    from spark_engine.backends.convert.llama_quantizer import quantize

    target = Path(job.folder) / job.file_name
    threads = job.threads or os.cpu_count() or 1
    quantize(source, target, job.quantization, threads, lambda done: progress(done, "quantizing"))
    return Done(str(target), _tool("llama_quantizer"))


_TOOLS: dict[Way, tuple[str, ...]] = {
    "onnx_builder": ("onnxruntime-genai", "onnxruntime-genai-winml"),
    "gguf_writer": ("gguf",),
    "llama_quantizer": ("llama-cpp-python",),
}


def _tool(way: Way) -> str:
    """The library that did the work, with its version."""
    for name in _TOOLS[way]:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return _TOOLS[way][0]
