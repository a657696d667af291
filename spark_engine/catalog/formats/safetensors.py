"""SafeTensors: headers of one file or of all that an index lists; every byte belongs to exactly one tensor."""

import math
import re
from collections import Counter
from typing import Any

import msgspec
from msgspec import Struct

from spark_engine.catalog.formats.described import Description, describe
from spark_engine.catalog.formats.facts import PRECISIONS, dominant
from spark_engine.catalog.formats.folder import ModelFolder
from spark_engine.catalog.formats.json_file import MOST_BYTES, parse_object
from spark_engine.catalog.formats.refusal import Refused, refuse, require, shown
from spark_engine.catalog.formats.source import Source
from spark_engine.catalog.formats.strange import refuse_strange
from spark_engine.types.inspection import Inspection

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
MOST_TENSORS = 200_000
MOST_DIMENSIONS = 16
MOST_SHARDS = 1000
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64, "F8_E5M2FNUZ": 8, "F8_E4M3FNUZ": 8,
}  # fmt: skip
"""Bits of a value of each type."""
_METADATA = "__metadata__"
_PACKED = (".qweight", ".weight_packed", ".weight")
_PACKED_TYPES = ("I32", "U32", "U8")
_BESIDE_PACKED = re.compile(
    r"\.(qzeros|scales|biases|g_idx|weight_scale|weight_zero_point|weight_shape|(weight\.)?(absmax|quant_map|quant_state"
    r"|nested_).*)$"
)


class Tensor(Struct, frozen=True, forbid_unknown_fields=True):
    """A tensor as a header writes it; `data_offsets` count from the header's end."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]

    @property
    def elements(self) -> int:
        """How many values."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes they take."""
        return self.data_offsets[1] - self.data_offsets[0]


def inspect_safetensors(folder: ModelFolder) -> Inspection:
    """The model in a folder."""
    description = describe(folder)
    is_split = folder.has(INDEX)
    tensors = read_shards(folder, INDEX, read_safetensors) if is_split else read_safetensors(folder, WEIGHTS)
    require(bool(tensors), "no_tensors", "it holds no weights", WEIGHTS)
    sizes: Counter[str] = Counter()
    for tensor in tensors.values():
        sizes[tensor.dtype] += tensor.bytes
    parameters = sum(_parameters(name, tensor, description.packed_bits) for name, tensor in tensors.items())
    quantization = _packing(description) or PRECISIONS.get(dominant(sizes), dominant(sizes).lower())
    return inspection("safetensors", folder, description, sum(sizes.values()), parameters, quantization)


def inspection(
    kind: Any, folder: ModelFolder, description: Description, weights: int, parameters: int, quantization: str
) -> Inspection:
    """What is known of a model in a folder; `kind` is its format."""
    told = {
        name: getattr(description, name)
        for name in description.__struct_fields__
        if not name.startswith("pack")
    }
    return Inspection(
        format=kind,
        path=str(folder.path),
        files=folder.files,
        size_bytes=folder.size_bytes,
        weights_bytes=weights,
        parameters=parameters,
        quantization=quantization,
        **told,
    )


def read_safetensors(folder: ModelFolder, name: str) -> dict[str, Tensor]:
    """The tensors of one file by name."""
    with folder.open(name) as source:
        refuse_strange(source)
        return _read_header(source)


def read_shards(folder: ModelFolder, index: str, read: Any) -> dict[str, Any]:
    """The tensors of all files that `index` lists, each read by `read(folder, name)`."""
    places = folder.json(index).get("weight_map")
    if (
        not isinstance(places, dict)
        or not places
        or not all(isinstance(name, str) for name in places.values())
    ):
        refuse("bad_index", f"{index} lists no files", index)
    shards = sorted(set(places.values()))
    require(len(shards) <= MOST_SHARDS, "bad_index", f"{index} lists more files than a model has", index)
    require(
        not any("/" in name for name in shards), "unsafe_path", f"{index} lists files of other folders", index
    )
    tensors: dict[str, Any] = {}
    for shard in shards:
        for name, tensor in read(folder, shard).items():
            require(name not in tensors, "duplicate_tensor", f"{shown(name, 60)} is in two files", shard)
            require(
                places.get(name, shard) == shard, "bad_index", f"{shown(name, 60)} is in another file", shard
            )
            tensors[name] = tensor
    missing = next((name for name in places if name not in tensors), None)
    require(missing is None, "missing_tensor", f"{shown(str(missing), 60)} is in none of the files", index)
    return tensors


def _read_header(source: Source) -> dict[str, Tensor]:
    length = source.u64()
    require(length <= source.left, "truncated", "it ends within its header")
    require(length <= MOST_BYTES, "header_too_large", "its header is larger than that of a model")
    data = source.read(length)
    require(data.startswith(b"{"), "bad_header", "its header is no JSON object")
    tensors = _decode(data)
    _check_places(tensors, source.left)
    return tensors


def _decode(data: bytes) -> dict[str, Tensor]:
    """First into types, which keeps hostile values small; then again to see keys that stand twice."""
    try:
        raw = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        metadata = raw.pop(_METADATA, None)
        require(len(raw) <= MOST_TENSORS, "too_many_tensors", f"it has {len(raw)} tensors")
        tensors = {name: msgspec.json.decode(entry, type=Tensor) for name, entry in raw.items()}
        if metadata is not None:
            msgspec.json.decode(metadata, type=dict[str, str])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refused("bad_header", f"its header is broken ({shown(str(error), 100)})") from None
    parse_object(data)
    for name, tensor in tensors.items():
        _check_tensor(name, tensor)
    return tensors


def _check_tensor(name: str, tensor: Tensor) -> None:
    called = shown(name, 60)
    require(
        tensor.dtype in BITS,
        "unknown_tensor_type",
        f"{called} has the unknown type {shown(tensor.dtype, 20)}",
    )
    possible = len(tensor.shape) <= MOST_DIMENSIONS and all(0 <= size < 2**48 for size in tensor.shape)
    require(possible, "bad_shape", f"{called} has no possible shape")
    begin, end = tensor.data_offsets
    require(0 <= begin <= end < 2**63, "bad_offsets", f"{called} ends before it begins")
    bits = tensor.elements * BITS[tensor.dtype]
    require(bits == (end - begin) * 8, "size_mismatch", f"{called} has another size than its shape says")


def _check_places(tensors: dict[str, Tensor], room: int) -> None:
    """No byte twice, none left over."""
    expected = 0
    for name, tensor in sorted(tensors.items(), key=lambda entry: entry[1].data_offsets):
        begin, end = tensor.data_offsets
        require(begin >= expected, "overlap", f"{shown(name, 60)} lies over another tensor")
        require(begin == expected, "gap", f"bytes before {shown(name, 60)} belong to no tensor")
        expected = end
    require(expected <= room, "truncated", f"its tensors need {expected} bytes, of which {room} are there")
    require(expected == room, "trailing_data", f"it has {room - expected} bytes more than its tensors need")


def _parameters(name: str, tensor: Tensor, bits: int) -> int:
    """Several values of few bits stand packed in one number."""
    if bits and _BESIDE_PACKED.search(name):
        return 0
    if bits and name.endswith(_PACKED) and tensor.dtype in _PACKED_TYPES:
        return tensor.elements * BITS[tensor.dtype] // bits
    return tensor.elements


def _packing(description: Description) -> str:
    if not description.packing:
        return ""
    return (
        f"{description.packing}-int{description.packed_bits}"
        if description.packed_bits
        else description.packing
    )
