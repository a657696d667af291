"""Which module serves which model format; each is imported when a model of its format is loaded."""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from spark_engine.backends.base import Decoder
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import Unavailable
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import ModelFormat


class Backend(NamedTuple):
    """What a backend module offers: a new decoder, and the vocabulary of a model."""

    decoder: Callable[[], Decoder]
    vocabulary: Callable[[LoadPlan], Vocabulary]


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


def find(model_format: ModelFormat) -> Backend:
    """The backend of a format; Unavailable when its library is not installed."""
    entry = _MODULES[model_format]
    try:
        module = import_module(entry.module)
    except ImportError as error:
        raise _missing(model_format, entry.component, error) from error
    return Backend(module.create_decoder, module.read_vocabulary)


def _missing(model_format: str, component: str, error: ImportError) -> Unavailable:
    return Unavailable(
        "component_missing",
        "A component is missing",
        f"{model_format} models need a component that is not installed or does not start ({error}).",
        f"Run `spark backends install {component}`.",
    )
