"""The note `.spark-origin.json` in a folder of Spark's own: where its files came from, and their hashes."""

import re
from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.stores.reading import read_as, repository_name

ORIGIN = ".spark-origin.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class OriginFile(Struct, frozen=True):
    """A file as it was fetched, by its path within the folder."""

    path: str = ""
    sha256: str = ""
    size: int = 0


class Origin(Struct, frozen=True):
    """What is known; empty where nothing is. Other fields of the note are for others."""

    repository: str = ""
    revision: str = ""
    files: list[OriginFile] | dict[str, OriginFile] = []

    def hashes(self) -> dict[str, OriginFile]:
        """The files whose hash is known, by their path within the folder."""
        listed = self.files.items() if isinstance(self.files, dict) else ((f.path, f) for f in self.files)
        return {path: file for path, file in listed if path and _SHA256.fullmatch(file.sha256)}


def read_origin(folder: Path) -> Origin:
    """The note in a folder; an empty one when there is none."""
    origin = read_as(Origin, folder / ORIGIN) or Origin()
    return origin if repository_name(origin.repository) else Origin(files=origin.files)
