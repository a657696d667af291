"""How a model folder is opened with onnxruntime-genai: provider, threads, and nothing that the folder smuggles in."""

import json
from pathlib import Path
from typing import Any

import onnxruntime_genai as og
from msgspec import Struct

from spark_engine.backends.onnx_config import OnnxConfig, read_config
from spark_engine.errors import ContextTooLarge, Unavailable

PREFIX = "genai:"
# What people write as device, what onnxruntime-genai calls the provider, and how it is shown.
_PROVIDERS = {
    "cpu": ("", "CPU"),
    "cuda": ("cuda", "CUDA"),
    "dml": ("DML", "DirectML"),
    "openvino": ("OpenVINO", "OpenVINO"),
    "qnn": ("QNN", "QNN"),
    "webgpu": ("WebGPU", "WebGPU"),
}
# A model's settings may tune its session. Every other key is refused: onnxruntime loads libraries by some of them.
_HARMLESS = frozenset(
    (
        "log_id",
        "log_severity_level",
        "provider_options",  # replaced by Spark's own
        "intra_op_num_threads",
        "inter_op_num_threads",
        "enable_cpu_mem_arena",
        "enable_mem_pattern",
        "enable_quant_qdq_cleanup",
        "graph_optimization_level",
    )
)
_PARTS = frozenset(("embedding", "encoder", "encoder_decoder_init", "speech", "vision"))


class GenaiDevice(Struct, frozen=True):
    """Where onnxruntime-genai runs a model: `provider` in its own words, empty for the CPU; `name` for people."""

    provider: str
    name: str


def parse_device(device: str) -> GenaiDevice:
    """The device of a load plan, as `genai:cpu` or `webgpu`. Unavailable when it is none of those."""
    known = _PROVIDERS.get(device.lower().removeprefix(PREFIX))
    if known is None:
        raise no_device(device, f"it is none of {', '.join(_PROVIDERS)}")
    return GenaiDevice(*known)


def read_model(folder: Path, context: int) -> OnnxConfig:
    """The folder's configuration, checked. Unavailable when it asks for more than a plain decoder may,
    ContextTooLarge when `context` would reach beyond a switch of rotary factors."""
    config = read_config(folder)
    _check_settings(folder)
    if context > config.exact_context and config.longest_context > config.exact_context:
        raise ContextTooLarge(context, config.exact_context)
    return config


def open_model(folder: Path, device: GenaiDevice, context: int, threads: int) -> Any:
    """The library's model. Unavailable when the device cannot run it."""
    try:
        config = og.Config(str(folder))
        config.clear_providers()
        if device.provider:
            config.append_provider(device.provider)
        config.overlay(json.dumps(_settings(context, threads)))
        model = og.Model(config)
    except RuntimeError as error:
        raise _refused(folder, device, str(error)) from error
    if device.name == "CPU" or model.device_type.upper() != "CPU":
        return model
    raise no_device(device.name, "the model would run on the CPU instead")


def no_device(device: str, why: str) -> Unavailable:
    """There is no such device here, or it cannot run the model."""
    return Unavailable(
        "device_unavailable",
        "This device cannot be used",
        f"ONNX models cannot run on {device} here: {why[:400]}.",
        "Choose the CPU, or another device.",
    )


def _settings(context: int, threads: int) -> dict[str, Any]:
    session = {"intra_op_num_threads": threads, "inter_op_num_threads": 1, "log_severity_level": 3}
    return {"model": {"decoder": {"session_options": session}}, "search": {"max_length": context}}


def _check_settings(folder: Path) -> None:
    """`read_config` has found the file to be JSON with the sections used here."""
    model = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))["model"]
    decoder = model["decoder"]
    unknown = sorted(set(decoder.get("session_options") or {}) - _HARMLESS)
    parts = sorted(_PARTS & set(model)) + (["pipeline"] if "pipeline" in decoder else [])
    if unknown:
        raise _unfit(folder, f"its session options hold {unknown[0][:60]!r}, which Spark does not pass on")
    if parts:
        raise _unfit(folder, f"it has parts that Spark does not run: {', '.join(parts)}")


def _refused(folder: Path, device: GenaiDevice, said: str) -> Unavailable:
    """The provider is at fault when there is one, else the files."""
    if device.provider:
        return no_device(device.name, said)
    return _unfit(folder, f"onnxruntime-genai says: {said[:400]}")


def _unfit(folder: Path, what: str) -> Unavailable:
    return Unavailable(
        "bad_model_files",
        "The model's files cannot be used",
        f"{folder}: {what}.",
        "Download the model again, or choose another variant of it.",
    )
