"""Puts a whole and checked download into the library in one step, with a note of where its files came from."""

import errno
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from spark_engine.catalog.download.plan import Plan
from spark_engine.catalog.origin import ORIGIN, Origin, OriginFile, read_origin
from spark_engine.errors import Conflict
from spark_engine.records import write_whole


class FetchedOrigin(Origin, frozen=True):
    """The note as downloads write it. `fetched_at`: ISO 8601, UTC; `endpoint`: of the hub or its mirror."""

    fetched_at: str = ""
    endpoint: str = ""
    folder: str = ""


def put_in_place(staging: Path, target: Path, plan: Plan, hashes: Mapping[str, str]) -> None:
    """Move `<staging>/files` to `target` and remove the rest of staging. `hashes`: sha256 by path. OSError."""
    files = staging / "files"
    _remove_strangers(files, set(plan.files))
    write_whole(files / ORIGIN, msgspec.json.format(msgspec.json.encode(_note(plan, hashes)), indent=2))
    for folder, _, _ in os.walk(files):
        sync_folder(Path(folder))
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    _move(files, target)
    sync_folder(target.parent)
    shutil.rmtree(staging, ignore_errors=True)


def stands_already(target: Path, plan_of: tuple[str, str]) -> bool:
    """Whether the very download stands there: the repository, and the commit if it is known. Conflict when something
    else does."""
    if not target.is_dir() or not any(target.iterdir()):
        return False
    origin, (repository, revision) = read_origin(target), plan_of
    wanted = origin.repository == repository and revision in ("", origin.revision)
    sizes = {path: file.size for path, file in origin.hashes().items()}
    if wanted and sizes and all(_size(target / path) == size for path, size in sizes.items()):
        return True
    raise Conflict(
        "model_in_the_way",
        "There is something else already",
        f"{target} holds files that are not those of this download.",
        "Remove that variant first, or move its folder away.",
    )


def sync_folder(folder: Path) -> None:
    """Make new names in a folder outlive a loss of power; systems without that do it by themselves."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _note(plan: Plan, hashes: Mapping[str, str]) -> FetchedOrigin:
    return FetchedOrigin(
        repository=plan.variant.repository,
        revision=plan.revision,
        files=[OriginFile(path, hashes[path], file.size) for path, file in sorted(plan.files.items())],
        fetched_at=datetime.now(UTC).isoformat(timespec="seconds"),
        endpoint=plan.endpoint,
        folder=plan.variant.folder,
    )


def _remove_strangers(files: Path, wanted: set[str]) -> None:
    """Take away what an earlier plan left."""
    for file in [f for f in files.rglob("*") if not f.is_dir()]:
        if file.relative_to(files).as_posix() not in wanted:
            file.unlink()


def _move(files: Path, target: Path) -> None:
    try:
        files.rename(target)
    except OSError as error:
        if not _is_other_disk(error):
            raise
        beside = target.with_name(f".{target.name}.incoming")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(files, beside, copy_function=_copy_to_disk)
        beside.rename(target)


def _is_other_disk(error: OSError) -> bool:
    return error.errno == errno.EXDEV or getattr(error, "winerror", None) == 17


def _copy_to_disk(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    with open(target, "rb+") as file:
        os.fsync(file.fileno())
    return target


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1
