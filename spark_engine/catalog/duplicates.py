"""Which files of models lie on this machine more than once, told by their sha256; few of them have to be read for it.

A file can only have a copy among files of its size, so the others are never read. Of those that are left, the hash is
known where the file's name is its hash (blobs of Hugging Face and Ollama) or a download's note has it.
"""

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.hashes import Hashes, fingerprint
from spark_engine.catalog.origin import read_origin
from spark_engine.types.duplicates import Copy, DuplicateGroup
from spark_engine.types.models import ModelEntry, VariantEntry

LEAST_BYTES = 1024 * 1024
"""Smaller files are no weights, and not worth a look."""
_BLOB = re.compile(r"(?:sha256-)?([0-9a-f]{64})")
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE | re.ASCII)
_MOST_FILES = 2000
Place = tuple[int, int]
"""Device and number of a file: the same for all its names."""


class StoredFile(Struct, frozen=True):
    """A file of an installed variant. `real` is the file behind links."""

    path: str
    real: str
    owner: str
    variant: str
    size: int
    place: Place
    stamp: str


def stored_files(models: Iterable[ModelEntry]) -> list[StoredFile]:
    """The large files of every variant that is here."""
    variants = (v for m in models for v in m.variants if v.path is not None and v.format != "echo")
    files = (stored for v in variants for file in _files(v) if (stored := _stored(file, v)) is not None)
    return [file for _, file in zip(range(_MOST_FILES), files, strict=False)]


def hashes_of(files: Iterable[StoredFile], remembered: Hashes) -> dict[str, str]:
    """The sha256 of the files by `real` path, as far as it is known without reading them."""
    notes: dict[Path, Mapping[str, str]] = {}
    known = {}
    for file in files:
        digest = _named(file) or remembered.of(file.real, file.stamp) or _noted(file, notes)
        if digest:
            known[file.real] = digest
    return known


def to_hash(files: Iterable[StoredFile], known: Mapping[str, str]) -> list[str]:
    """The files that have to be read to know, smallest first: of a size that another file has too."""
    files = list(files)
    told = _by_place(files, known)
    sizes: dict[int, dict[Place, StoredFile]] = defaultdict(dict)
    for file in files:
        sizes[file.size].setdefault(file.place, file)
    same_size = (group.values() for group in sizes.values() if len(group) > 1)
    unknown = [file for group in same_size for file in group if file.place not in told]
    return [file.real for file in sorted(unknown, key=lambda file: file.size)]


def duplicate_groups(files: Iterable[StoredFile], known: Mapping[str, str]) -> list[DuplicateGroup]:
    """Groups of at least two files with the same contents, the one with most to free first."""
    files = list(files)
    told = _by_place(files, known)
    same: dict[tuple[str, int], list[StoredFile]] = defaultdict(list)
    for file in files:
        if digest := told.get(file.place):
            same[digest, file.size].append(file)
    groups = [_group(digest, size, group) for (digest, size), group in same.items()]
    found = [group for group in groups if len(group.copies) > 1]
    return sorted(found, key=lambda group: group.reclaimable_bytes, reverse=True)


def reclaimable_bytes(groups: Iterable[DuplicateGroup]) -> int:
    """What all groups together would free."""
    return sum(group.reclaimable_bytes for group in groups)


def _by_place(files: Iterable[StoredFile], known: Mapping[str, str]) -> dict[Place, str]:
    """The hashes of files, whichever of their names they are known by."""
    return {file.place: digest for file in files if (digest := known.get(file.real))}


def _group(digest: str, size: int, files: list[StoredFile]) -> DuplicateGroup:
    """A file that serves two variants is one copy; a hard link is one more, but takes no room."""
    copies: dict[str, Copy] = {}
    seen: set[Place] = set()
    for file in files:
        if file.real not in copies:
            copies[file.real] = Copy(file.path, file.owner, file.variant, linked=file.place in seen)
        seen.add(file.place)
    return DuplicateGroup(digest, size, tuple(copies.values()), size * (len(seen) - 1))


def _files(variant: VariantEntry) -> Iterator[Path]:
    """The files of a variant: all in its folder, or one file with its further parts."""
    path = Path(variant.path or "")
    match = _PART.search(path.name)
    if path.is_dir():
        for folder, inner, names in os.walk(path):
            inner[:] = [name for name in inner if not name.startswith(".")]
            yield from (Path(folder) / name for name in sorted(names))
    elif match is not None:
        stem = path.name[: match.start()]
        yield from (
            f for f in sorted(path.parent.iterdir()) if f.name.startswith(stem) and _PART.search(f.name)
        )
    else:
        yield path


def _stored(file: Path, variant: VariantEntry) -> StoredFile | None:
    try:
        real = os.path.realpath(file)
        found = os.stat(real)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_size < LEAST_BYTES:
        return None
    place = (found.st_dev, found.st_ino)
    return StoredFile(str(file), real, variant.owner, variant.id, found.st_size, place, fingerprint(found))


def _named(file: StoredFile) -> str:
    """The hash that the name of a blob is."""
    real = Path(file.real)
    match = _BLOB.fullmatch(real.name) if real.parent.name == "blobs" else None
    return match[1] if match else ""


def _noted(file: StoredFile, notes: dict[Path, Mapping[str, str]]) -> str:
    """The hash that the note of Spark's download has, for a file of the size it had then."""
    folder = Path(file.real).parent
    if folder not in notes:
        listed = read_origin(folder).hashes() if file.owner == "spark" else {}
        notes[folder] = {path: f"{noted.size}:{noted.sha256}" for path, noted in listed.items()}
    size, _, digest = notes[folder].get(Path(file.real).name, "").partition(":")
    return digest if size == str(file.size) else ""
