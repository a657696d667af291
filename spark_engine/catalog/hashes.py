"""The sha256 of files that were read once, remembered for as long as size and time of change stay as they were."""

import os
from pathlib import Path

from msgspec import Struct

from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record


class Known(Struct, frozen=True, array_like=True):
    """A file's hash, and its fingerprint when it was read."""

    stamp: str
    sha256: str


class Hashes(Struct, frozen=True):
    """What is remembered, by the files' real paths."""

    files: dict[str, Known] = {}

    def of(self, path: str, stamp: str) -> str:
        """The hash of a file that still has this fingerprint; empty when it is not known."""
        known = self.files.get(path)
        return known.sha256 if known is not None and known.stamp == stamp else ""


def fingerprint(found: os.stat_result) -> str:
    """Size and time of change."""
    return f"{found.st_size}:{found.st_mtime_ns}"


def read_hashes(base: BaseDir) -> Hashes:
    """What is remembered; nothing when the file cannot be read, for all can be hashed again."""
    return read_record(_file(base), Hashes, Hashes())


def remember(base: BaseDir, new: dict[str, Known]) -> Hashes:
    """Keep these too, and forget files that are gone; returns all. OSError when it cannot be kept."""
    kept = {path: known for path, known in read_hashes(base).files.items() if Path(path).is_file()}
    hashes = Hashes(kept | new)
    write_record(_file(base), hashes)
    return hashes


def _file(base: BaseDir) -> Path:
    return base.cache / "hashes.json"
