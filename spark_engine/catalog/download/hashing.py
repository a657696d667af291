"""Hashes a file while it grows: in a thread, from the memory it is written from; what was there before is read."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from io import FileIO
from pathlib import Path

from msgspec import Struct

PIECE = 1 << 18


class Digests(Struct, frozen=True):
    """Hashes of a whole file, in hexadecimal; `oid` is git's, empty when it was not asked for."""

    sha256: str
    oid: str = ""


class Follower:
    """Hashes `file` from its beginning up to where the writer says it has written. `size` is that of the whole file."""

    def __init__(self, file: Path, size: int, *, with_oid: bool) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._oid = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False) if with_oid else None
        self._written, self._ended = 0, False
        self._taken: deque[tuple[memoryview, Callable[[], None]]] = deque()
        self._reached = 0  # hashed, or taken to be
        self._error: OSError | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="hashing", daemon=True)
        self._thread.start()

    def follow_to(self, written: int) -> None:
        """So many bytes are in the file now."""
        with self._changed:
            self._written = written
            self._changed.notify()

    def take(self, coming: memoryview, place: int, free: Callable[[], None]) -> None:
        """These bytes are going to `place` in the file. They are hashed from here when all before them is or will be,
        else read when they are written; `free()` when they are not needed any more."""
        with self._changed:
            wanted = self._reached == place and not self._ended
            if wanted:
                self._taken.append((coming, free))
                self._reached += len(coming)
                self._changed.notify()
        if not wanted:
            free()

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
            self._taken.clear()
        self._end()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._file.open("rb", buffering=0) as source:
                self._read(source)
        except OSError as error:
            with self._changed:
                self._error, self._ended = error, True
            while self._taken:
                self._taken.popleft()[1]()

    def _read(self, source: FileIO) -> None:
        view = memoryview(bytearray(PIECE))
        done = 0
        while (end := self._wait_past(done)) > done:
            if self._taken:
                given, free = self._taken.popleft()
                done += self._add(given)
                free()
                continue
            source.seek(done)
            count = source.readinto(view[: min(PIECE, end - done)])
            if not count:
                raise OSError("the file became shorter while it was read")
            done += self._add(view[:count])
            with self._changed:
                self._reached = done

    def _add(self, view: memoryview) -> int:
        self._sha256.update(view)
        if self._oid is not None:
            self._oid.update(view)
        return len(view)

    def _wait_past(self, done: int) -> int:
        """Up to where there is something to hash, waiting for more; at most `done` when no more comes."""
        with self._changed:
            while self._written <= done and not self._taken and not self._ended:
                self._changed.wait()
            return max(self._written, self._reached if self._taken else 0)
