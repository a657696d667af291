"""What Spark remembers of a download between runs: what was asked for, and whether its owner paused it."""

from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.download.job import Job
from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record
from spark_engine.types.downloads import DownloadEntry

_NAME = "spark-download.json"


class Kept(Struct, frozen=True):
    """A download that is not over: its job, its row as last known, whether to load the model then."""

    job: Job
    entry: DownloadEntry
    load: bool = False
    paused: bool = False


def read_kept(base: BaseDir) -> list[Kept]:
    """Every download that an earlier engine did not finish, oldest first."""
    files = base.downloads.glob(f"*/{_NAME}")
    found = [kept for file in files if (kept := read_record(file, Kept, None)) is not None]
    return sorted(found, key=lambda kept: kept.entry.started_at)


def write_kept(staging: Path, kept: Kept) -> None:
    """Remember a download in its own folder: it is forgotten with it."""
    write_record(staging / _NAME, kept)
