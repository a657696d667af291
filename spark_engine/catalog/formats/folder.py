"""The folder of a model: its files by safe names, none of which may lead out of it."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from spark_engine.catalog.formats.json_file import MOST_BYTES, read_object
from spark_engine.catalog.formats.names import is_safe_name, safe_name
from spark_engine.catalog.formats.refusal import refuse, require
from spark_engine.catalog.formats.source import Source

MOST_ENTRIES = 10_000


class ModelFolder:
    """A folder and the content stores (`roots`) that links in it may lead to. `used` are the names opened so far."""

    def __init__(self, path: Path, roots: Iterable[Path] = ()) -> None:
        self.path, self.used = path, dict[str, int]()
        self._inside = os.path.realpath(path)
        self._roots = tuple(os.path.realpath(root) for root in roots)

    @property
    def files(self) -> tuple[str, ...]:
        """The names opened so far, in order."""
        return tuple(sorted(self.used))

    @property
    def size_bytes(self) -> int:
        """What the files opened so far take."""
        return sum(self.used.values())

    def names(self) -> list[str]:
        """The ordinary files that lie directly in the folder and have safe names, links to such files included."""
        found = []
        with os.scandir(self.path) as entries:
            for count, entry in enumerate(entries):
                require(count < MOST_ENTRIES, "too_many_files", "the folder has more files than a model has")
                if is_safe_name(entry.name) and _is_file(entry):
                    found.append(entry.name)
        return sorted(found)

    def has(self, name: str) -> bool:
        """Whether there is something of this name."""
        return os.path.lexists(self.path / safe_name(name))

    def open(self, name: str) -> Source:
        """The file; Refused when it is not there, not an ordinary file, or elsewhere."""
        place = self.path / safe_name(name)
        require(os.path.lexists(place), "missing_file", f"{name} is missing", name)
        real = os.path.realpath(place)
        self._check_place(real, name)
        require(os.path.exists(real), "missing_file", f"{name} is a link to nothing", name)
        source = Source(Path(real), name)
        self.used[name] = source.size
        return source

    def open_own(self, name: str) -> Source:
        """As `open`; a file that has a second name somewhere is refused too, unless it lies in one of `roots`: what a
        file outside holds could be read by linking it here."""
        source = self.open(name)
        if source.links > 1 and not self._is_stored(os.path.realpath(self.path / name)):
            with source:
                refuse("hard_link", f"{name} is the same file as another one elsewhere", name)
        return source

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """All bytes of a small file; Refused `too_large` when it is not small."""
        with self.open(name) as source:
            require(source.size <= most, "too_large", f"{name} is larger than such a file can be")
            return source.read(source.size)

    def json(self, name: str) -> dict[str, Any]:
        """The JSON object in a file."""
        return read_object(self.read(name), name)

    def optional_json(self, name: str) -> dict[str, Any]:
        """The JSON object in a file; empty when there is no such file."""
        return self.json(name) if self.has(name) else {}

    def _check_place(self, real: str, name: str) -> None:
        if not _is_within(real, self._inside) and not self._is_stored(real):
            refuse("link_outside", f"{name} is a link out of the model's folder", name)

    def _is_stored(self, real: str) -> bool:
        return any(_is_within(real, root) for root in self._roots)


def beside(name: str, other: str) -> str:
    """The path of `other` as seen from the folder of the file `name`."""
    return str(PurePosixPath(name).parent / other)


def _is_within(path: str, folder: str) -> bool:
    return os.path.normcase(path).startswith(os.path.join(os.path.normcase(folder), ""))


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
