"""A lock between processes that the operating system gives back when its holder ends, however it ends."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from spark_engine.errors import Conflict


class FileLock:
    """`with FileLock(file):` holds the lock; Conflict when another process holds it. The file goes with it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Self:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self._handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _lock(self._handle)
            except OSError:
                os.close(self._handle)
                raise _taken() from None
            if self._is_still_there():
                return self
            os.close(self._handle)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if sys.platform == "win32":
            os.close(self._handle)
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
        else:
            self._file.unlink(missing_ok=True)
            os.close(self._handle)

    def _is_still_there(self) -> bool:
        """Whether the locked file is the one others would lock; its last holder may just have removed it."""
        try:
            return sys.platform == "win32" or os.path.samestat(os.fstat(self._handle), self._file.stat())
        except FileNotFoundError:
            return False


def _lock(handle: int) -> None:
    """Take the lock or raise OSError."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _taken() -> Conflict:
    return Conflict(
        "download_running",
        "This download already runs",
        "Another process is fetching the same model.",
        "Wait for it, or end it first.",
    )
