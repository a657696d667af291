"""Finds models in a tree of folders by the names of the files; what is in the files is for the inspection to say."""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.kinds import GENAI_CONFIG, encoder_file, model_kind
from spark_engine.catalog.stores.reading import real_folder, target_within
from spark_engine.types.models import ModelFormat

log = logging.getLogger(__name__)
MOST_DEPTH, MOST_ENTRIES = 8, 50_000
PIPELINE = "model_index.json"
"""Heads a folder of several networks that make pictures together; none of them is a language model."""
UNFINISHED = "download.tmp"
"""Lies beside a model that Foundry Local is still fetching."""
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE | re.ASCII)
_JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT, which only Windows' Python knows
_NO_MODEL = re.compile(r"mmproj|^incomplete-", re.IGNORECASE)
_TORCH = re.compile(r"pytorch_model.*\.bin|.*\.pt", re.IGNORECASE)


class Candidate(Struct, frozen=True):
    """Files that look like a model. `path` is what a decoder opens: a folder, or a file (GGUF, the first part)."""

    path: Path
    format: ModelFormat
    files: tuple[Path, ...]


def models_under(folder: Path, roots: Iterable[Path] = (), *, depth: int = MOST_DEPTH) -> Iterator[Candidate]:
    """The models in a folder and `depth` levels below it, in the order of their paths.

    Links to folders are not followed; a link to a file counts when the file lies under `folder` or one of `roots`.
    """
    real = (real_folder(place) for place in (folder, *roots))
    allowed = tuple(place for place in real if place is not None)
    left, waiting = MOST_ENTRIES, [(folder, depth)]
    while waiting:
        here, levels = waiting.pop()
        files, folders = _listed(here, allowed, left)
        left -= len(files) + len(folders)
        if left <= 0:
            log.warning("%s holds more than %d files; the rest was not searched", folder, MOST_ENTRIES)
            return
        names = {file.name for file in files}
        yield from _models_in(here, files, names)
        if levels > 0 and not names & {GENAI_CONFIG, PIPELINE}:
            waiting += [(inner, levels - 1) for inner in reversed(folders)]


def _listed(folder: Path, allowed: tuple[Path, ...], most: int) -> tuple[list[Path], list[Path]]:
    """A folder's files and its folders, by name, about `most` of them at most; hidden folders are left out."""
    files, folders = [], []
    try:
        with os.scandir(folder) as found:
            for _, entry in zip(range(most), found, strict=False):
                path = folder / entry.name
                if entry.is_symlink():
                    if target_within(path, allowed) is not None:
                        files.append(path)
                elif entry.is_file():
                    files.append(path)
                elif entry.is_dir() and not entry.name.startswith(".") and not _is_junction(entry):
                    folders.append(path)
    except (OSError, ValueError) as error:
        log.debug("%s is not searched: %s", folder, error)
    return sorted(files), sorted(folders)


def _is_junction(entry: "os.DirEntry[str]") -> bool:
    """Whether it is what Windows has in place of a link to a folder."""
    return getattr(entry.stat(follow_symlinks=False), "st_reparse_tag", 0) == _JUNCTION


def _models_in(folder: Path, files: list[Path], names: set[str]) -> Iterator[Candidate]:
    """The models in the folder itself."""
    if PIPELINE in names:
        return
    if GENAI_CONFIG in names:
        if UNFINISHED not in names:
            yield Candidate(folder, "onnx", tuple(files))
        return
    for file in files:
        if file.suffix.lower() == ".gguf" and not _NO_MODEL.search(file.name) and _part(file) in (None, 1):
            yield Candidate(file, "gguf", _parts(file, files))
    if (model_format := _checkpoint_format(folder, names)) is not None:
        yield Candidate(folder, model_format, tuple(file for file in files if file.suffix.lower() != ".gguf"))


def _part(file: Path) -> int | None:
    """The number of a part of a GGUF model in several files; None for a model in one."""
    match = _PART.search(file.name)
    return int(match[1]) if match else None


def _parts(first: Path, files: list[Path]) -> tuple[Path, ...]:
    match = _PART.search(first.name)
    if match is None:
        return (first,)
    stem, total = first.name[: match.start()], match[2]
    return tuple(
        f for f in files if (m := _PART.search(f.name)) and (f.name[: m.start()], m[2]) == (stem, total)
    )


def _checkpoint_format(folder: Path, names: set[str]) -> ModelFormat | None:
    """The format of a model that `config.json` describes; None when there is none."""
    if "config.json" not in names:
        return None
    if encoder_file(folder) is not None and model_kind("onnx", folder) != "generator":
        return "onnx"
    if any(name.endswith(".safetensors") for name in names):
        return "safetensors"
    return "pytorch" if any(_TORCH.fullmatch(name) for name in names) else None
