"""The tensors of a transformers model under GGUF's names, in the wanted numbers, one at a time."""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from msgspec import Struct
from numpy.typing import NDArray

from spark_engine.backends.convert.failures import unsupported
from spark_engine.backends.convert.gguf_families import Family
from spark_engine.backends.convert.gguf_rope import Factors
from spark_engine.backends.convert.settings import Settings
from spark_engine.backends.convert.weights import Weights

_SUFFIXES = (".weight", ".bias")
_COMPUTED = (".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias")
"""Ends of the names of what is stored at times but follows from the settings."""
_QUERY_KEY = (".q_proj.weight", ".k_proj.weight", ".q_proj.bias", ".k_proj.bias")
_HEAD = "lm_head.weight"
_ENDS = ("token_embd.weight", "output.weight")
"""What every token is read from and chosen by: never rounded more than to eight bits."""


class Tensor(Struct, frozen=True):
    """One tensor of the file: where it comes from and how it is stored. `rows`: only so many of its rows."""

    source: str
    name: str
    shape: tuple[int, ...]
    kind: Kind


def plan_tensors(weights: Weights, arch: str, settings: Settings, kind: Kind) -> list[Tensor]:
    """Every tensor of the file, in order. Unavailable when one has no name in GGUF."""
    names = gguf.get_tensor_name_map(_arch(arch), settings.layers)
    tied = bool(settings.given.get("tie_word_embeddings", arch.startswith("gemma")))
    planned, nameless = [], []
    for source, shape in weights.shapes().items():
        if source.endswith(_COMPUTED) or (source == _HEAD and tied):
            continue
        name = names.get_name(source, _SUFFIXES)
        if name is None:
            nameless.append(source)
        else:
            planned.append(Tensor(source, name, shape, _kind(name, shape, kind)))
    if nameless:
        raise unsupported(
            f"llama.cpp has no place for {len(nameless)} of its tensors, as {nameless[0][:100]!r}"
        )
    return planned


def announce(writer: Any, tensors: list[Tensor], factors: Factors) -> None:
    """Tell the writer what will come, in this order: factors, then tensors."""
    for name, values in factors.items():
        writer.add_tensor_info(name, values.shape, values.dtype, values.nbytes)
    for tensor in tensors:
        shape, dtype = _stored(tensor)
        size = prod(shape) * np.dtype(dtype).itemsize
        writer.add_tensor_info(tensor.name, shape, np.dtype(dtype), size, raw_dtype=tensor.kind)


def write_all(
    writer: Any,
    weights: Weights,
    tensors: list[Tensor],
    factors: Factors,
    family: Family,
    settings: Settings,
    progress: Callable[[float], None],
) -> None:
    """Write the values of what was announced; `progress` is told the fraction that is done."""
    for values in factors.values():
        writer.write_tensor_data(values)
    whole, done = sum(prod(t.shape) for t in tensors), 0
    for tensor in tensors:
        stored = _values(weights, tensor, family, settings)
        writer.write_tensor_data(stored)
        done += prod(tensor.shape)
        progress(done / whole)


def _values(weights: Weights, tensor: Tensor, family: Family, settings: Settings) -> NDArray[Any]:
    """The tensor as it is stored; besides it no more than a few rows are in memory."""
    shape, dtype = _stored(tensor)
    stored = np.empty(shape, dtype)
    place = 0
    for piece in _changed(weights, tensor, family, settings):
        rows = gguf.quants.quantize(np.ascontiguousarray(piece), tensor.kind)
        stored[place : place + len(rows)] = rows
        place += len(rows)
    return stored


def _changed(
    weights: Weights, tensor: Tensor, family: Family, settings: Settings
) -> Iterator[NDArray[np.float32]]:
    """The tensor's rows as llama.cpp expects them."""
    if family.pairs_heads and tensor.source.endswith(_QUERY_KEY):
        heads = settings.heads if ".q_proj." in tensor.source else settings.kv_heads
        yield pair_halves(weights.array(tensor.source), heads)
    elif family.norm_shift and tensor.source.endswith("norm.weight"):
        yield weights.array(tensor.source) + np.float32(family.norm_shift)
    else:
        yield from weights.pieces(tensor.source)


def pair_halves(rows: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of `heads` heads with the first half of each between the second: 0, n/2, 1, n/2 + 1, …"""
    halves = rows.reshape(heads, 2, len(rows) // heads // 2, *rows.shape[1:])
    paired: NDArray[np.float32] = halves.swapaxes(1, 2).reshape(rows.shape)
    return paired


def _kind(name: str, shape: tuple[int, ...], wanted: Kind) -> Kind:
    """Vectors stay 32-bit numbers; rows that do not divide into blocks become 16-bit ones."""
    if len(shape) == 1:
        return Kind.F32
    if name in _ENDS and wanted == Kind.Q4_0:
        wanted = Kind.Q8_0
    return wanted if shape[-1] % gguf.GGML_QUANT_SIZES[wanted][0] == 0 else Kind.F16


def _stored(tensor: Tensor) -> tuple[tuple[int, ...], Any]:
    match tensor.kind:
        case Kind.F32:
            return tensor.shape, np.float32
        case Kind.F16:
            return tensor.shape, np.float16
    return gguf.quants.quant_shape_to_byte_shape(tensor.shape, tensor.kind), np.uint8


def _arch(name: str) -> gguf.MODEL_ARCH:
    return next(arch for arch, known in gguf.MODEL_ARCH_NAMES.items() if known == name)
