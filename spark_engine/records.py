"""Small files in which Spark remembers things between runs: written whole or not at all, read without surprises."""

import logging
import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import msgspec

log = logging.getLogger(__name__)
_T = TypeVar("_T")
_D = TypeVar("_D")


def read_record(file: Path, type: type[_T], otherwise: _D) -> _T | _D:
    """What the JSON file holds; `otherwise` when there is none, or (with a line in the log) when it cannot be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=type)
    except FileNotFoundError:
        return otherwise
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s is ignored: %s", file, error)
        return otherwise


def write_record(file: Path, value: Any) -> None:
    """Write `value` as JSON, readable by its owner only; makes the folder. OSError when it cannot be written."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(file, msgspec.json.format(msgspec.json.encode(value)))


def write_whole(file: Path, content: bytes) -> None:
    """Replace a small file so that a reader, or a loss of power, finds the old or the new one; mode 0600."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:40]}-")
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(content)
            target.flush()
            os.fsync(target.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
