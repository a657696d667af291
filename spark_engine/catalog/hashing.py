"""A child process that hashes files without getting in anyone's way: paths as arguments, a JSON message a line."""

import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Sequence

import msgspec
import psutil
from msgspec import Struct

from spark_engine.catalog.hashes import fingerprint

_CHUNK = 4 * 1024 * 1024
_TELL_S = 0.25


class Hashed(Struct, frozen=True, tag="hashed"):
    """A file's hash; `stamp` is its fingerprint, the same before and after it was read."""

    path: str
    stamp: str
    sha256: str


class NotHashed(Struct, frozen=True, tag="not_hashed"):
    """A file that could not be read, or changed meanwhile; `reason` says which."""

    path: str
    reason: str


class Reading(Struct, frozen=True, tag="reading"):
    """A file is being read; so many bytes of it were."""

    path: str
    bytes_done: int


HashMessage = Hashed | NotHashed | Reading


def hash_file(path: str, on_bytes: Callable[[int], None] = lambda done: None) -> Hashed | NotHashed:
    """Read a regular file once; `on_bytes` is told how many bytes of it were read."""
    try:
        with open(path, "rb", buffering=0, opener=_open_at_once) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                return NotHashed(path, "it is no ordinary file")
            digest, done = hashlib.sha256(), 0
            while data := file.read(_CHUNK):
                digest.update(data)
                _drop_from_cache(file.fileno(), done, len(data))
                done += len(data)
                on_bytes(done)
            after = os.fstat(file.fileno())
    except (OSError, ValueError) as error:
        return NotHashed(path, str(error))
    if fingerprint(before) != fingerprint(after):
        return NotHashed(path, "it changed while it was read")
    return Hashed(path, fingerprint(after), digest.hexdigest())


def main(paths: Sequence[str]) -> int:
    """Hash each file and say so on stdout."""
    _step_back()
    for path in paths:
        _say(hash_file(path, _Teller(path)))
    return 0


class _Teller:
    """Says how far a file is, a few times a second."""

    def __init__(self, path: str) -> None:
        self._path, self._last = path, time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._last >= _TELL_S:
            self._last = now
            _say(Reading(self._path, done))


def _say(message: HashMessage) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def _open_at_once(path: str, flags: int) -> int:
    """A pipe in a file's place must not make us wait."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))


def _drop_from_cache(handle: int, start: int, length: int) -> None:
    """What is read once must not push models out of the system's cache; pages that are in use stay."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, start, length, os.POSIX_FADV_DONTNEED)


def _step_back() -> None:
    """Let everything else on the machine go first."""
    try:
        process = psutil.Process()
        if sys.platform == "win32":
            process.nice(psutil.IDLE_PRIORITY_CLASS)
        else:
            process.nice(19)
        if sys.platform == "linux":
            process.ionice(psutil.IOPRIO_CLASS_IDLE)
    except (psutil.Error, OSError):
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
