"""GGUF files: header, metadata and list of tensors, of one file or of all parts of a split model."""

import re

from msgspec import Struct

from spark_engine.catalog.formats import gguf_facts
from spark_engine.catalog.formats.folder import ModelFolder
from spark_engine.catalog.formats.gguf_tensors import Tensor, alignment_of, padded, read_tensors
from spark_engine.catalog.formats.gguf_types import PROJECTORS
from spark_engine.catalog.formats.gguf_values import Metadata, read_metadata
from spark_engine.catalog.formats.refusal import refuse, require
from spark_engine.types.inspection import Inspection

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_PARTS = 999
_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)


class GgufFile(Struct, frozen=True):
    """What one file holds. `begin`: where its tensors' bytes begin."""

    name: str
    metadata: Metadata
    tensors: tuple[Tensor, ...]
    begin: int

    @property
    def architecture(self) -> str:
        """GGUF's name of the kind of model."""
        return self.metadata.text("general.architecture")


def inspect_gguf(folder: ModelFolder, name: str, projectors: tuple[str, ...] = ()) -> Inspection:
    """The model whose file, or whose first part, is `name`. `projectors`: files of the folder that turn pictures into
    its input."""
    first = read_gguf(folder, name)
    require(first.architecture not in PROJECTORS, "only_a_part",
            "it turns pictures into the input of another model, and is none itself", name)  # fmt: skip
    parts = [first, *_other_parts(folder, first)]
    gguf_facts.check(first.metadata, name)
    tensors = [tensor for part in parts for tensor in part.tensors]
    require(len({tensor.name for tensor in tensors}) == len(tensors), "duplicate_tensor",
            "two parts hold the same tensor", name)  # fmt: skip
    require(bool(tensors), "no_tensors", "it holds no weights", name)
    for projector in projectors:
        read_gguf(folder, projector)
    return gguf_facts.facts(folder, name, first.metadata, tensors, vision=bool(projectors))


def read_gguf(folder: ModelFolder, name: str) -> GgufFile:
    """One file, checked by itself."""
    with folder.open(name) as source:
        require(source.read(min(4, source.size)) == MAGIC, "not_gguf", "it is no GGUF file")
        version = source.u32()
        if version not in VERSIONS:
            swapped = "big_endian" if version & 0xFFFF == 0 and version else "unknown_version"
            refuse(swapped, f"it is of GGUF version {version}; Spark reads {VERSIONS[0]} and {VERSIONS[1]}")
        count, values = source.u64(), source.u64()
        metadata = read_metadata(source, values)
        tensors = read_tensors(source, count, metadata)
        return GgufFile(name, metadata, tensors, padded(source.place, alignment_of(metadata)))


def part_of(name: str) -> tuple[str, int, int] | None:
    """What a file's name says of its part in a split model: the common beginning, its number from 1, of how many."""
    found = _PART.fullmatch(name)
    return (found[1], int(found[2]), int(found[3])) if found else None


def first_part(name: str) -> str:
    """The name of the first part of the model that a file's name says it is a part of; else the name itself."""
    part = part_of(name)
    return f"{part[0]}-00001-of-{part[2]:05}.gguf" if part else name


def _other_parts(folder: ModelFolder, first: GgufFile) -> list[GgufFile]:
    count = first.metadata.number("split.count", 2**16)
    if count <= 1:
        return []
    named = part_of(first.name)
    require(
        first.metadata.number("split.no") == 0,
        "split_part",
        "it is not the first part of its model",
        first.name,
    )
    if named is None or named[1:] != (1, count) or count > MOST_PARTS:
        refuse("bad_split", "its name does not say which part of its model it is", first.name)
    names = [f"{named[0]}-{number:05}-of-{count:05}.gguf" for number in range(2, count + 1)]
    parts = [read_gguf(folder, name) for name in names]
    _check_parts(first, parts, count)
    return parts


def _check_parts(first: GgufFile, parts: list[GgufFile], count: int) -> None:
    for number, part in enumerate(parts, start=1):
        said = part.metadata.number("split.no"), part.metadata.number("split.count")
        require(said == (number, count), "bad_split", "it belongs to another model or place", part.name)
    total = first.metadata.number("split.tensors.count")
    there = sum(len(part.tensors) for part in (first, *parts))
    require(
        total in (0, there), "bad_split", f"its parts hold {there} tensors instead of {total}", first.name
    )
