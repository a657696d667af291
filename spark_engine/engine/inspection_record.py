"""What is remembered of inspections: the verdicts on each path, and the state of the files they were passed on."""

import logging
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from spark_engine import records
from spark_engine.catalog.formats.gguf import part_of
from spark_engine.catalog.inspect import RULES
from spark_engine.paths import BaseDir
from spark_engine.types.inspection import Verdict

log = logging.getLogger(__name__)
MOST_REMEMBERED = 4000
_MOST_FILES, _MOST_DEPTH = 20_000, 5
_IN_FOLDERS = (".safetensors", ".onnx", ".bin", ".pt")


class FileState(Struct, frozen=True, array_like=True):
    """A file by its path below the model's folder; it counts as unchanged while size and time are the same."""

    name: str
    size: int
    mtime_ns: int


class Remembered(Struct, frozen=True):
    """The verdicts on a path, whose links could lead into `roots`, while its files were in this state."""

    roots: tuple[str, ...]
    files: tuple[FileState, ...]
    verdicts: tuple[Verdict, ...]


class _Record(Struct, frozen=True):
    rules: int
    paths: dict[str, Remembered]


def read_record(base: BaseDir) -> dict[str, Remembered]:
    """What is remembered by path; nothing when it was written under other rules or cannot be read."""
    record = records.read_record(_file(base), _Record, None)
    return record.paths if record is not None and record.rules == RULES else {}


def write_record(base: BaseDir, paths: Mapping[str, Remembered]) -> None:
    """Write the file whole or not at all; paths where nothing is any more are left out."""
    present = {path: entry for path, entry in paths.items() if os.path.lexists(path)}
    kept = dict(list(present.items())[-MOST_REMEMBERED:])
    base.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    records.write_whole(_file(base), msgspec.json.encode(_Record(RULES, kept)))


def files_state(path: Path) -> tuple[FileState, ...]:
    """The state of all files that a verdict on `path` may rest on; empty when there are none."""
    try:
        found = [_state(file, path) for file in _files(path)]
    except OSError:
        return ()
    return tuple(sorted((state for state in found if state), key=lambda state: state.name))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from _below(path)
    elif path.suffix.lower() in _IN_FOLDERS:  # the files beside it belong to the model too
        yield from _below(path.parent.parent if path.parent.name == "onnx" else path.parent)
    else:
        part = part_of(path.name)
        yield path
        yield from (file for file in path.parent.iterdir() if file != path and _belongs(file.name, part))


def _belongs(name: str, part: tuple[str, int, int] | None) -> bool:
    """Whether a file beside a GGUF file is another part of its model."""
    other = part_of(name)
    return "mmproj" in name.lower() or bool(part and other and (other[0], other[2]) == (part[0], part[2]))


def _below(folder: Path) -> Iterator[Path]:
    """All files in a folder and those in it; links to folders are not followed."""
    count = 0
    for place, folders, files in os.walk(folder):
        if len(Path(place).relative_to(folder).parts) >= _MOST_DEPTH:
            folders.clear()
        for name in sorted(files):
            count += 1
            if count > _MOST_FILES:
                return
            yield Path(place, name)


def _state(file: Path, path: Path) -> FileState | None:
    """Of a link, what it leads to."""
    try:
        found = file.stat()
    except OSError:
        return FileState(os.path.relpath(file, path), -1, 0)
    kind = found.st_size if stat.S_ISREG(found.st_mode) else -2
    return FileState(os.path.relpath(file, path), kind, found.st_mtime_ns)


def _file(base: BaseDir) -> Path:
    return base.state / "inspections.json"
