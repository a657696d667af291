"""A child process that hashes files without getting in anyone's way: paths as arguments, a JSON message a line."""

import hashlib
import os
import stat
import sys
from collections.abc import Sequence

import msgspec
import psutil
from msgspec import Struct

from spark_engine.catalog.hashes import fingerprint

_CHUNK = 4 * 1024 * 1024


class Hashed(Struct, frozen=True, tag="hashed"):
    """A file's hash; `stamp` is its fingerprint, the same before and after it was read."""

    path: str
    stamp: str
    sha256: str


class NotHashed(Struct, frozen=True, tag="not_hashed"):
    """A file that could not be read, or changed meanwhile; `reason` says which."""

    path: str
    reason: str


HashMessage = Hashed | NotHashed


def hash_file(path: str) -> HashMessage:
    """Read a regular file once."""
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
        sys.stdout.buffer.write(msgspec.json.encode(hash_file(path)) + b"\n")
        sys.stdout.buffer.flush()
    return 0


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
