"""What a conversion takes of memory and disk, estimated before it begins."""

from msgspec import Struct

from spark_engine.catalog.convert.source import Source
from spark_engine.catalog.convert.targets import Target, Way, find_target
from spark_engine.types.models import VariantEntry

BUILDER_BYTES = 8
"""Memory the model builder takes for each weight: it holds the model as 32-bit numbers twice."""
_LIBRARIES = 600_000_000
_MARGIN = 200_000_000
_F16_BITS = 16.0


class Needs(Struct, frozen=True):
    """Bytes of free memory and free disk space."""

    memory_bytes: int
    disk_bytes: int


def needs_of(source: Source, target: Target, ways: tuple[Way, ...]) -> Needs:
    """What this conversion takes; a GGUF file is written tensor by tensor, an ONNX file from memory."""
    largest = source.embedding or source.weights_bytes // 8
    memory = BUILDER_BYTES * source.parameters if "onnx_builder" in ways else 6 * largest
    if not source.parameters:  # a GGUF file, which only becomes smaller
        return Needs(memory + _LIBRARIES, source.weights_bytes + _MARGIN)
    bits = target.bits + (_F16_BITS if len(ways) > 1 else 0)
    return Needs(memory + _LIBRARIES, int(source.parameters * bits / 8) + _MARGIN)


def converted_bytes(variant: VariantEntry, source: Source, target: Target) -> int:
    """About the size of what comes of it; 0 where it cannot be told."""
    if source.parameters:
        return int(source.parameters * target.bits / 8)
    now = find_target(variant.format, variant.quantization)
    return int(source.weights_bytes * target.bits / now.bits) if now is not None else 0
