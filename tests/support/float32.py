"""Writes the weights of a SafeTensors folder, unrounded, in the other formats: what is compared must be the same."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from spark_engine.paths import resources

BUILDER_MODULES = ("onnxruntime_genai", "onnx_ir", "torch", "transformers")


def write_onnx(source: Path, target: Path) -> Path:
    """The folder as float32 ONNX, by onnxruntime-genai's model builder in a process of its own: it takes seconds
    to import and changes how its process resolves imports."""
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(source), "-o", str(target)]
    command += ["-p", "fp32", "-e", "cpu", "-c", str(target.parent / "builder-cache")]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    shutil.copy(
        source / "config.json", target
    )  # says where rotary factors switch, which the builder leaves out
    return target


def write_gguf(source: Path, target: Path) -> Path:
    """The folder as a GGUF file whose every tensor is float32."""
    from gguf import GGMLQuantizationType

    nano = str(resources() / "spark_nano")
    if nano not in sys.path:
        sys.path.insert(0, nano)
    importlib.import_module("gguf_file").write_gguf(source, target, GGMLQuantizationType.F32)
    return target
