"""What is to be downloaded and where it goes: kept in a file, so that a download can go on after anything."""

import shutil
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download.lock import FileLock
from spark_engine.catalog.hub.patience import Patience
from spark_engine.paths import BaseDir
from spark_engine.records import write_whole
from spark_engine.types.ids import parse_model_ref

JOB_FILE = "job.json"


class Job(Struct, frozen=True, forbid_unknown_fields=True):
    """One download. `id` is the variant's full id; `variant` says repository, revision, folder and files. `target` is
    the model's folder in the library, `staging` that of the download, `state` where a token may be kept; the other
    fields are the settings of the hub."""

    id: str
    variant: CardVariant
    target: str
    staging: str
    state: str
    endpoint: str = ""
    offline: bool = False
    parallel: int = 4
    patience: Patience = Patience()


def new_job(
    base: BaseDir, id: str, variant: CardVariant, *, endpoint: str, offline: bool, parallel: int
) -> Job:
    """The download of a variant into a base directory; ValueError when `id` is not a variant's."""
    ref = parse_model_ref(id)
    if ref.variant is None:
        raise ValueError(f"not a variant's id: {id!r}")
    target, staging = base.models / ref.model / ref.variant, base.downloads / f"{ref.model}--{ref.variant}"
    return Job(id, variant, str(target), str(staging), str(base.state), endpoint, offline, parallel)


def write_job(job: Job) -> Path:
    """Keep the job in its staging folder; the file, whole or not at all."""
    folder = Path(job.staging)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(folder / JOB_FILE, msgspec.json.encode(job))
    return folder / JOB_FILE


def read_job(file: Path) -> Job:
    """The job in a file; ValueError when it is none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Job)
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"{file}: {error}") from error


def unfinished(downloads: Path) -> list[Job]:
    """The jobs whose downloads were begun and not finished."""
    jobs = []
    for file in sorted(downloads.glob(f"*/{JOB_FILE}")):
        try:
            jobs.append(read_job(file))
        except ValueError:
            continue
    return jobs


def command(job_file: Path) -> list[str]:
    """The command that carries a job out; it prints `messages.Message` lines and ends with 0 only after `Done`."""
    return [sys.executable, "-m", "spark_engine.catalog.download", str(job_file)]


def lock_file(staging: Path) -> Path:
    """Held by the one process that works in a staging folder."""
    return staging.with_name(f"{staging.name}.lock")


def discard(staging: Path) -> None:
    """Throw away what was fetched; Conflict while a process works on it."""
    with FileLock(lock_file(staging)):
        if staging.exists():
            shutil.rmtree(staging)
