"""PyTorch checkpoints: archives whose description is walked, never run; older ones and programs are refused."""

from collections import Counter
from typing import Any

from msgspec import Struct

from spark_engine.catalog.formats.described import CONFIG, describe
from spark_engine.catalog.formats.facts import PRECISIONS, dominant
from spark_engine.catalog.formats.folder import ModelFolder
from spark_engine.catalog.formats.pickle_tensors import Storage, Tensor
from spark_engine.catalog.formats.pickle_walk import MOST_BYTES, walk
from spark_engine.catalog.formats.pytorch_zip import MAGIC, Record, read_records
from spark_engine.catalog.formats.refusal import refuse, require, shown
from spark_engine.catalog.formats.safetensors import BITS, inspection, read_shards
from spark_engine.catalog.formats.source import Source
from spark_engine.catalog.formats.strange import refuse_strange
from spark_engine.types.inspection import Inspection

WEIGHTS, INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
_DESCRIPTION, _BYTE_ORDER = "data.pkl", "byteorder"
_LEGACY = "its format is older than PyTorch 1.6 and cannot be checked; convert it to SafeTensors"
_PROGRAM = ("code/", "constants.pkl")


class _Sized(Struct, frozen=True):
    """A tensor of one of several files; those that share a storage share its `place`."""

    type: str
    elements: int
    place: tuple[str, str]
    bytes: int


def inspect_pytorch(folder: ModelFolder) -> Inspection:
    """The model in a folder."""
    require("auto_map" not in folder.json(CONFIG), "remote_code",
            "it comes with Python code of its own, which Spark never runs", CONFIG)  # fmt: skip
    description = describe(folder)
    is_split = folder.has(INDEX)
    tensors: dict[str, _Sized] = (
        read_shards(folder, INDEX, read_pytorch) if is_split else read_pytorch(folder, weights_file(folder))
    )
    sizes: Counter[str] = Counter()
    distinct = {(tensor.place, tensor.elements): tensor for tensor in tensors.values()}
    for tensor in distinct.values():
        sizes[tensor.type] += tensor.elements * BITS[tensor.type] // 8
    stored = {tensor.place: tensor.bytes for tensor in tensors.values()}
    parameters = sum(tensor.elements for tensor in distinct.values())
    precision = PRECISIONS.get(dominant(sizes), dominant(sizes).lower())
    return inspection("pytorch", folder, description, sum(stored.values()), parameters, precision)


def weights_file(folder: ModelFolder) -> str:
    """The one file of weights: `pytorch_model.bin`, or a lone `.pt`."""
    if folder.has(WEIGHTS):
        return WEIGHTS
    lone = [name for name in folder.names() if name.endswith(".pt")]
    require(len(lone) == 1, "missing_file", f"{WEIGHTS} is missing", WEIGHTS)
    return lone[0]


def read_pytorch(folder: ModelFolder, name: str) -> dict[str, Any]:
    """The tensors of one file by name."""
    with folder.open(name) as source:
        _check_archive(source)
        records = read_records(source)
        _check_records(source, records)
        tensors = walk(_content(source, records[_DESCRIPTION], MOST_BYTES))
        for key, tensor in tensors.items():
            _check_tensor(key, tensor, records)
    return {
        key: _Sized(tensor.type, tensor.elements, (name, tensor.storage.key), _bytes(tensor.storage))
        for key, tensor in tensors.items()
    }


def _check_archive(source: Source) -> None:
    refuse_strange(source)
    start = source.peek(4)
    require(start[:1] != b"\x80", "legacy_pickle", _LEGACY)
    require(start == MAGIC, "not_pytorch", "it is no PyTorch checkpoint")


def _check_records(source: Source, records: dict[str, Record]) -> None:
    program = next((name for name in records if name.startswith(_PROGRAM)), None)
    require(program is None, "torchscript", "it is a program (TorchScript), not a checkpoint")
    require(_DESCRIPTION in records, "bad_archive", f"it has no {_DESCRIPTION}")
    other = next((name for name in records if name.endswith(".pkl") and name != _DESCRIPTION), None)
    require(other is None, "unsafe_pickle", f"it has a second pickle ({shown(str(other), 60)})")
    if _BYTE_ORDER in records:
        order = _content(source, records[_BYTE_ORDER], 16)
        require(
            order == b"little", "big_endian", "its numbers are written in an order that Spark does not read"
        )


def _content(source: Source, record: Record, most: int) -> bytes:
    require(
        record.size <= most, "header_too_large", f"{shown(record.name, 60)} is longer than that of a model"
    )
    source.seek(record.start)
    return source.read(record.size)


def _check_tensor(name: str, tensor: Tensor, records: dict[str, Record]) -> None:
    called = shown(name, 60)
    record = records.get(f"data/{tensor.storage.key}")
    if record is None:
        refuse("missing_tensor", f"the values of {called} are missing")
    require(record.size == _bytes(tensor.storage), "size_mismatch", f"{called} has another size than it says")
    end = tensor.last * BITS[tensor.type] // 8
    require(end <= record.size, "truncated", f"{called} reaches behind its values")


def _bytes(storage: Storage) -> int:
    return storage.count * BITS[storage.type] // 8
