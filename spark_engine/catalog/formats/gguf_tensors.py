"""The list of tensors of a GGUF file: each must lie exactly where the one before ends, and all in the file."""

import math

from msgspec import Struct

from spark_engine.catalog.formats.gguf_types import TENSOR_TYPES
from spark_engine.catalog.formats.gguf_values import U32, Metadata, read_name
from spark_engine.catalog.formats.refusal import refuse, require, shown
from spark_engine.catalog.formats.source import Source

MOST_TENSORS = 65_536
MOST_DIMENSIONS = 4
MOST_NAME = 63
_DEFAULT_ALIGNMENT, _MOST_ALIGNMENT = 32, 1024 * 1024
_LEAST_BYTES = 8 + 1 + 4 + 4 + 8


class Tensor(Struct, frozen=True):
    """A tensor of `elements` values in `bytes` bytes, `offset` bytes after the beginning of all."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    elements: int
    bytes: int


def read_tensors(source: Source, count: int, metadata: Metadata) -> tuple[Tensor, ...]:
    """The next `count` entries of the list, held against the rest of the file."""
    possible = count <= MOST_TENSORS and count * _LEAST_BYTES <= source.left
    require(possible, "truncated", f"it claims to have {count} tensors")
    alignment = alignment_of(metadata)
    found: dict[str, Tensor] = {}
    for _ in range(count):
        tensor = _read_tensor(source)
        require(tensor.name not in found, "duplicate_tensor", f"{shown(tensor.name, 60)} stands twice")
        found[tensor.name] = tensor
    tensors = tuple(found.values())
    end = _check_places(tensors, alignment)
    _check_end(source.size - padded(source.place, alignment), end, alignment)
    return tensors


def alignment_of(metadata: Metadata) -> int:
    """At which multiples of bytes tensors begin."""
    kind = metadata.kind("general.alignment")
    if kind == -1:
        return _DEFAULT_ALIGNMENT
    alignment = metadata.number("general.alignment") if kind == U32 else 0
    fits = 0 < alignment <= _MOST_ALIGNMENT and alignment & (alignment - 1) == 0
    require(fits, "bad_alignment", "its alignment is no power of two up to a mebibyte")
    return alignment


def _read_tensor(source: Source) -> Tensor:
    name = read_name(source, MOST_NAME)
    count = source.u32()
    require(count <= MOST_DIMENSIONS, "bad_shape", f"{shown(name, 60)} has {count} dimensions")
    shape = tuple(source.u64() for _ in range(count))
    number, offset = source.u32(), source.u64()
    if number not in TENSOR_TYPES:
        refuse("unknown_tensor_type", f"{shown(name, 60)} has the unknown type {number}")
    kind, elements = TENSOR_TYPES[number], math.prod(shape)
    require(0 < elements < 2**62, "bad_shape", f"{shown(name, 60)} has no possible shape")
    blocks = shape and shape[0] % kind.block == 0 or kind.block == 1
    require(bool(blocks), "bad_shape", f"rows of {shown(name, 60)} are no whole blocks of {kind.name}")
    return Tensor(name, shape, kind.name, offset, elements, elements // kind.block * kind.size)


def _check_places(tensors: tuple[Tensor, ...], alignment: int) -> int:
    """Where the last tensor ends."""
    expected = end = 0
    for tensor in tensors:
        name = shown(tensor.name, 60)
        require(
            tensor.offset % alignment == 0,
            "misaligned",
            f"{name} does not begin at a multiple of {alignment}",
        )
        require(tensor.offset >= expected, "overlap", f"{name} lies over the tensor before it")
        require(tensor.offset == expected, "gap", f"{name} does not begin where the tensor before it ends")
        end = tensor.offset + tensor.bytes
        expected = padded(end, alignment)
    return end


def _check_end(room: int, end: int, alignment: int) -> None:
    """`room`: bytes of the file behind its header."""
    if end > room:
        refuse("truncated", f"its tensors need {end} bytes, of which {max(room, 0)} are there")
    if end and room > padded(end, alignment):
        refuse("trailing_data", f"it has {room - end} bytes more than its tensors need")


def padded(place: int, alignment: int) -> int:
    """The next multiple of `alignment`."""
    return -(-place // alignment) * alignment
