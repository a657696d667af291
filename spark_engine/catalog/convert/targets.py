"""What a model can be converted into: formats, quantizations, and the components each needs."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from spark_engine.types.ids import parse_model_ref, variant_id
from spark_engine.types.models import ModelFormat

Way = Literal["onnx_builder", "gguf_writer", "llama_quantizer"]
"""Who makes the file: onnxruntime-genai's model builder, Spark's own GGUF writer, or llama.cpp's quantizer."""


class Target(Struct, frozen=True):
    """One kind of file a model can become. `bits`: of one weight, with its share of scales."""

    format: ModelFormat
    quantization: str
    bits: float

    @property
    def slug(self) -> str:
        """The name of a variant of this kind, `gguf-q4_k_m`."""
        return f"{self.format}-{self.quantization.lower()}"


_ONNX = tuple(Target("onnx", *one) for one in (("int4", 5.0), ("int8", 9.0), ("fp16", 16.0)))
_WRITTEN = tuple(Target("gguf", *one) for one in (("F16", 16.0), ("Q8_0", 8.5), ("Q4_0", 4.6)))
_QUANTIZED = tuple(
    Target("gguf", *one)
    for one in (
        ("Q6_K", 6.6),
        ("Q5_K_M", 5.8),
        ("Q5_K_S", 5.6),
        ("Q4_K_M", 5.0),
        ("Q4_K_S", 4.7),
        ("Q3_K_M", 4.0),
        ("Q3_K_S", 3.6),
        ("Q2_K", 3.2),
    )
)
TARGETS = (*_ONNX, *_WRITTEN, *_QUANTIZED)
_WEIGHTS: tuple[ModelFormat, ...] = ("safetensors", "pytorch")
_COARSER = _WRITTEN[1:] + _QUANTIZED


def find_target(model_format: str, quantization: str) -> Target | None:
    """The target with this format and quantization, however that is capitalised; None when there is none."""
    wanted = (model_format, quantization.lower())
    return next((t for t in TARGETS if (t.format, t.quantization.lower()) == wanted), None)


def targets_of(source: ModelFormat, quantization: str = "") -> tuple[Target, ...]:
    """What a model in this format (and, for GGUF, in this quantization) can become; empty: nothing."""
    if source in _WEIGHTS:
        return TARGETS
    if source != "gguf":
        return ()
    known = find_target("gguf", quantization)
    return tuple(t for t in _COARSER if known is None or t.bits < known.bits)


def ways(source: ModelFormat, target: Target) -> tuple[Way, ...]:
    """Who has to work, one after the other."""
    if target.format == "onnx":
        return ("onnx_builder",)
    if source == "gguf":
        return ("llama_quantizer",)
    return ("gguf_writer",) if target in _WRITTEN else ("gguf_writer", "llama_quantizer")


def components(steps: Sequence[Way]) -> tuple[str, ...]:
    """The components that these need. Whatever becomes GGUF is read back by llama.cpp."""
    if steps == ("llama_quantizer",):
        return ("gguf",)
    return ("convert",) if steps == ("onnx_builder",) else ("convert", "gguf")


def converted_id(source: str, target: Target) -> str:
    """The id of the variant that a conversion of the variant `source` makes."""
    return variant_id(parse_model_ref(source).model, target.slug)
