"""Writes a SafeTensors folder as int4 ONNX with onnxruntime-genai's model builder, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

OPTIONS = ("block_size=32", "accuracy_level=4", "shared_embeddings=true")
READING = "Reading layer"
_running: "list[subprocess.Popen[str]]" = []


class BuilderFailed(Exception):
    """The model builder ended without a model; the text is the end of what it printed."""


def write_onnx(
    source: Path, target: Path, work: Path, layers: int, progress: Callable[[float], None]
) -> None:
    """`source` as the folder `target`; `progress` is told the fraction that is done, as far as the builder tells."""
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(source), "-o", str(target)]
    command += ["-p", "int4", "-e", "cpu", "-c", str(work), "--extra_options", *OPTIONS]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", "ORT_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
    said: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
    ) as builder:
        _running.append(builder)
        assert builder.stdout is not None
        for line in builder.stdout:
            said.append(line.rstrip())
            progress(_fraction(line, layers))
    if builder.returncode or not (target / "genai_config.json").is_file():
        raise BuilderFailed("\n".join(said[-20:]) or f"exit status {builder.returncode}")


def end_builders() -> None:
    """End every builder that runs."""
    for builder in _running:
        builder.kill()


def _fraction(line: str, layers: int) -> float:
    """Reading the layers takes about half of the time; what comes before and after is not told."""
    if not line.startswith(READING):
        return 0.5 if line.startswith("Saving") else 0.0
    layer = line.removeprefix(READING).strip()
    return 0.1 + 0.4 * int(layer) / layers if layer.isdigit() else 0.0
