"""One engine per base directory: a lock that the operating system gives back when its process ends."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from spark_engine.errors import StartRefused
from spark_engine.life.file_lock import lock


class EngineLock:
    """`with EngineLock(file):` holds the lock; StartRefused with the other's process id when it is taken."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> Self:
        self._handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock(self._handle)
        except OSError:
            os.lseek(self._handle, 0, os.SEEK_SET)
            holder = os.read(self._handle, 32)
            os.close(self._handle)
            raise _taken(holder.decode(errors="replace").strip(), self._file) from None
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.ftruncate(self._handle, 0)
        os.close(self._handle)


def _taken(holder: str, file: Path) -> StartRefused:
    who = f"the process {holder}" if holder.isdigit() else "another process"
    return StartRefused(
        "engine_running",
        "Spark is already running",
        f"An engine ({who}) already serves the base directory {file.parent.parent}.",
        "Use it, end it, or choose another base directory with `spark serve --base-dir`.",
    )
