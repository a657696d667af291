"""Reads other programs' small files with a limit on their size, and follows links no further than allowed."""

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

log = logging.getLogger(__name__)
MOST_BYTES = 1024 * 1024
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_T = TypeVar("_T")


def read_text(file: Path, most: int = MOST_BYTES) -> str | None:
    """The text of a regular file, its first `most` bytes; None when there is none. Never waits on a pipe or device."""
    try:
        if not file.is_file():
            return None
        with file.open("rb") as source:
            return source.read(most).decode("utf-8", errors="replace")
    except (OSError, ValueError) as error:
        log.info("%s is left out: %s", file, error)
        return None


def read_as(type_: type[_T], file: Path) -> _T | None:
    """The JSON of a small file as `type_`; None when it is missing, too large or something else."""
    text = read_text(file, MOST_BYTES + 1)
    if text is None:
        return None
    if len(text) > MOST_BYTES:
        log.info("%s is left out: it is larger than %d bytes", file, MOST_BYTES)
        return None
    try:
        return msgspec.json.decode(text, type=type_)
    except (msgspec.MsgspecError, RecursionError) as error:
        log.info("%s is left out: %s", file, error)
        return None


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing when it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError):
        return []


def target_within(path: Path, roots: Iterable[Path]) -> Path | None:
    """The real file behind `path`, when it is a regular file in one of `roots`, themselves real folders; else None."""
    try:
        real = path.resolve(strict=True)
        inside = any(real.is_relative_to(root) for root in roots)
        return real if inside and real.is_file() else None
    except (OSError, ValueError, RuntimeError):
        return None


def real_folder(path: Path) -> Path | None:
    """The folder behind `path` without links, or None when there is none."""
    try:
        real = path.resolve(strict=True)
        return real if real.is_dir() else None
    except (OSError, ValueError, RuntimeError):
        return None


def repository_name(text: str) -> str:
    """`text` when it is the name of a repository, `org/name`, else nothing."""
    return text if _REPOSITORY.fullmatch(text) and ".." not in text else ""
