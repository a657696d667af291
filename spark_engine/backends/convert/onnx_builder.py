"""Makes an ONNX folder out of a SafeTensors or PyTorch folder with onnxruntime-genai's model builder."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from spark_engine.backends.convert.failures import builder_failed
from spark_engine.backends.torch_files import Checkpoint, read_checkpoint, read_tensors
from spark_engine.types.models import ModelFormat

_READING = re.compile(r"^Reading layer (\d+)")
_ROUNDING = re.compile(r"start to quantize .*layers\.(\d+)/")
_SAVING = re.compile(r"^Saving .*?(\d+)%\|")
_KEPT_LINES = 40
_ROUNDED = ("block_size=32", "accuracy_level=4")
_PLACES = {
    "int4": ("int4", "cpu", _ROUNDED),
    "int8": ("int8", "cpu", _ROUNDED),
    # For the CPU the builder leaves out GroupQueryAttention, which runs there with 16-bit numbers all the same.
    "fp16": ("fp16", "cuda", ()),
}
Progress = Callable[[float, str], None]


def build_onnx(
    source: Path, source_format: ModelFormat, target: Path, work: Path, quantization: str, progress: Progress
) -> None:
    """The folder `target` with the model. Unavailable when the builder fails."""
    progress(0.0, "starting the model builder")
    checkpoint = read_checkpoint(source, source_format)
    folder = source if source_format == "safetensors" else _as_safetensors(checkpoint, work / "source")
    _run(_command(folder, target, work / "cache", quantization), checkpoint, target, progress)
    shutil.copy(
        source / "config.json", target
    )  # says where rotary factors switch, which the builder leaves out
    _for_any_device(target / "genai_config.json")


def _command(source: Path, target: Path, cache: Path, quantization: str) -> list[str]:
    precision, provider, options = _PLACES[quantization]
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(source), "-o", str(target)]
    command += ["-p", precision, "-e", provider, "-c", str(cache)]
    return [*command, "--extra_options", "hf_remote=false", "hf_token=false", *options]


def _run(command: list[str], checkpoint: Checkpoint, target: Path, progress: Progress) -> None:
    """Run the builder to its end; it ends with this process's group."""
    layers = checkpoint.described.get("num_hidden_layers")
    said: deque[str] = deque(maxlen=_KEPT_LINES)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1"},
        encoding="utf-8",
        errors="replace",
    ) as builder:
        assert builder.stdout is not None
        for line in _steps(builder.stdout, layers if isinstance(layers, int) and layers else 1, progress):
            said.append(line)
    if builder.returncode or not (target / "genai_config.json").is_file():
        evidence = "\n".join(said)
        print(evidence, file=sys.stderr)
        raise builder_failed(evidence)


def _steps(lines: Iterator[str], layers: int, progress: Progress) -> Iterator[str]:
    """The builder's lines; what they say of its progress is told. A third each: reading, rounding, saving."""
    for line in map(str.rstrip, lines):
        if found := _READING.search(line):
            progress(0.05 + 0.35 * int(found[1]) / layers, "reading layers")
        elif found := _ROUNDING.search(line):
            progress(0.4 + 0.4 * int(found[1]) / layers, "rounding weights")
        elif found := _SAVING.search(line):
            progress(0.8 + 0.2 * int(found[1]) / 100, "saving")
        if line:
            yield line


def _as_safetensors(checkpoint: Checkpoint, folder: Path) -> Path:
    """A PyTorch checkpoint as SafeTensors: the builder would open its pickles by itself."""
    from safetensors.torch import save_file

    folder.mkdir()
    for file in (
        *checkpoint.folder.glob("*.json"),
        *checkpoint.folder.glob("*.jinja"),
        *checkpoint.folder.glob("*.model"),
    ):
        if not file.name.endswith(".index.json"):
            shutil.copy(file, folder)
    seen: set[int] = set()
    tensors = {}
    for name, tensor in read_tensors(checkpoint).items():
        shared = tensor.untyped_storage().data_ptr() in seen
        seen.add(tensor.untyped_storage().data_ptr())
        tensors[name] = tensor.detach().contiguous().clone() if shared else tensor.detach().contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _for_any_device(file: Path) -> None:
    """Leave the choice of a device to whoever loads the model."""
    described = json.loads(file.read_text(encoding="utf-8"))
    described["model"]["decoder"]["session_options"]["provider_options"] = []
    file.write_text(json.dumps(described, indent=4), encoding="utf-8")
