"""Hashes a file while it grows: a thread reads behind the writer, so that hashing never stops the network."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

PIECE = 1 << 18


class Digests(Struct, frozen=True):
    """Hashes of a whole file, in hexadecimal; `oid` is git's, empty when it was not asked for."""

    sha256: str
    oid: str = ""


class Follower:
    """Reads `file` from its beginning up to where the writer says it has written. `size` is that of the whole file."""

    def __init__(self, file: Path, size: int, *, with_oid: bool) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._oid = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False) if with_oid else None
        self._written, self._ended = 0, False
        self._error: OSError | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="hashing", daemon=True)
        self._thread.start()

    def follow_to(self, written: int) -> None:
        """So many bytes are in the file now."""
        with self._changed:
            self._written = written
            self._changed.notify()

    def finish(self) -> Digests:
        """Wait until all is read; the hashes of it. OSError when it could not be read."""
        self._end()
        if self._error is not None:
            raise self._error
        return Digests(self._sha256.hexdigest(), self._oid.hexdigest() if self._oid else "")

    def stop(self) -> None:
        """Give up; the file is closed afterwards."""
        with self._changed:
            self._written = 0
        self._end()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._file.open("rb", buffering=0) as source:
                self._read(source.readinto)
        except OSError as error:
            self._error = error

    def _read(self, readinto: Callable[[memoryview], int | None]) -> None:
        view = memoryview(bytearray(PIECE))
        done = 0
        while (end := self._wait_past(done)) > done:
            count = readinto(view[: min(PIECE, end - done)])
            if not count:
                raise OSError("the file became shorter while it was read")
            self._sha256.update(view[:count])
            if self._oid is not None:
                self._oid.update(view[:count])
            done += count

    def _wait_past(self, done: int) -> int:
        """Where the file ends now, waiting for more; at most `done` when no more comes."""
        with self._changed:
            while self._written <= done and not self._ended:
                self._changed.wait()
            return self._written
