"""Which module serves which model format; each is imported when a model of its format is loaded."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from spark_engine.backends.base import Decoder
from spark_engine.backends.encoder import Encoder, TextEncoding
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import Unavailable
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import ModelFormat


class Backend(NamedTuple):
    """What a backend module offers: a new decoder for a model, and the model's vocabulary."""

    decoder: Callable[[LoadPlan], Decoder]
    vocabulary: Callable[[LoadPlan], Vocabulary]


class EncoderBackend(NamedTuple):
    """What the module of models that embed or score offers: a new encoder, and how a model's texts become tokens."""

    encoder: Callable[[], Encoder]
    encoding: Callable[[LoadPlan], TextEncoding]


class _Entry(NamedTuple):
    """The module of a format, and the component people install when its libraries are missing."""

    module: str
    component: str


_MODULES: dict[ModelFormat, _Entry] = {
    "onnx": _Entry("spark_engine.backends.onnx", "onnx"),
    "gguf": _Entry("spark_engine.backends.gguf", "gguf"),
    "safetensors": _Entry("spark_engine.backends.torch_decoder", "torch"),
    "pytorch": _Entry("spark_engine.backends.torch_decoder", "torch"),
    "echo": _Entry("spark_engine.backends.echo", ""),
}

_ENCODERS: dict[ModelFormat, _Entry] = {
    "onnx": _Entry("spark_engine.backends.encoder_onnx", "onnx"),
    "safetensors": _Entry("spark_engine.backends.encoder_torch", "torch"),
    "pytorch": _Entry("spark_engine.backends.encoder_torch", "torch"),
}

# ONNX models on these devices run under onnxruntime-genai, and on any device written as `genai:cpu`.
_GENAI = _Entry("spark_engine.backends.genai", "genai")
_GENAI_DEVICES = frozenset(("openvino", "qnn", "webgpu"))


def find(model_format: ModelFormat, device: str = "cpu") -> Backend:
    """The backend of a format on a device; Unavailable when its library is not installed."""
    module = _import(model_format, _entry(model_format, device.lower()))
    return Backend(module.create_decoder, module.read_vocabulary)


def find_encoder(model_format: ModelFormat) -> EncoderBackend:
    """What runs a format's models that embed or score; Unavailable when its library is not installed."""
    module = _import(model_format, _ENCODERS[model_format])
    return EncoderBackend(module.create_encoder, module.read_encoding)


def _import(model_format: ModelFormat, entry: _Entry) -> Any:
    try:
        return import_module(entry.module)
    except ImportError as error:
        raise _missing(model_format, entry.component, error) from error


def _entry(model_format: ModelFormat, device: str) -> _Entry:
    by_genai = device.startswith("genai:") or device in _GENAI_DEVICES
    return _GENAI if model_format == "onnx" and by_genai else _MODULES[model_format]


def _missing(model_format: str, component: str, error: ImportError) -> Unavailable:
    return Unavailable(
        "component_missing",
        "A component is missing",
        f"{model_format} models need a component that is not installed or does not start ({error}).",
        f"Run `spark backends install {component}`.",
    )
