"""A file that is being fetched: its bytes so far, and a note beside them that says what they are of."""

import hashlib
import os
import sys
import threading
from functools import cache
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from spark_engine.catalog.download.hashing import Digests, Follower
from spark_engine.catalog.download.writing import PAGE, Writer
from spark_engine.catalog.hub.listing import RemoteFile
from spark_engine.records import write_whole

FLUSH_BYTES = 64 * 1024 * 1024


class Note(Struct, frozen=True):
    """What the bytes beside it are of. `flushed`: so many certainly outlive a loss of power. `boot`: the run of this
    machine that wrote it; within one, the file's own length is true. `sha256`: of the whole file, once it is checked.
    """

    path: str
    size: int
    hash: str
    url: str = ""
    etag: str = ""
    flushed: int = 0
    boot: str = ""
    sha256: str = ""


class Part:
    """The growing copy of `wanted` in `folder`. One thread at a time may use it. OSError when the disk fails."""

    def __init__(self, folder: Path, wanted: RemoteFile) -> None:
        key = hashlib.sha256(wanted.path.encode()).hexdigest()[:16]
        self.file, self._note_file = folder / f"{key}.part", folder / f"{key}.json"
        self._wanted = wanted
        self._fresh = Note(wanted.path, wanted.size, wanted.sha256 or wanted.oid)
        self._note = self._read_note() or self._fresh
        self.length = 0
        self._flushing: threading.Thread | None = None
        self._noting = threading.Lock()

    @property
    def checked_sha256(self) -> str:
        """The hash of the whole file when it was fetched and checked before; else empty."""
        return self._note.sha256

    @property
    def etag(self) -> str:
        """What the server called the version that the bytes are of."""
        return self._note.etag

    def open(self) -> None:
        """Find out how many bytes can be kept, and be ready for more."""
        self._handle = os.open(self.file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        self.length = trusted_length(self._note, os.fstat(self._handle).st_size, boot_id())
        if self.length < self._wanted.size:
            self.length -= self.length % PAGE
        os.ftruncate(self._handle, self.length)
        self._change(boot=boot_id(), flushed=min(self._note.flushed, self.length))
        self._follow()

    def begin(self, url: str, etag: str) -> None:
        """The next bytes come from there."""
        if (url, etag) != (self._note.url, self._note.etag):
            self._change(url=url, etag=etag)

    def room(self) -> memoryview:
        """Where the next bytes go: some, and not beyond the end of the file."""
        return self._writer.room()[: self._wanted.size - self.length]

    def took(self, count: int) -> None:
        """So many bytes are there now. They are written when a piece of them is full."""
        self.length += count
        self._writer.took(count)

    def restart(self) -> None:
        """Keep nothing."""
        self._writer.stop()
        self._follower.stop()
        self._join_flush()
        os.ftruncate(self._handle, 0)
        self.length = 0
        self._change(url="", etag="", flushed=0)
        self._follow()

    def is_right(self) -> bool:
        """Whether the whole file has the hash it should have."""
        self._writer.finish()
        self.digests: Digests = self._follower.finish()
        found = self.digests.sha256 if self._wanted.sha256 else self.digests.oid
        return found == self._fresh.hash

    def place(self, target: Path) -> None:
        """Move the checked file where it belongs; it outlives a loss of power there."""
        self._join_flush()
        os.fsync(self._handle)
        os.close(self._handle)
        self._change(sha256=self.digests.sha256, flushed=self.length)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.file.replace(target)

    def _follow(self) -> None:
        self._follower = Follower(self.file, self._wanted.size, with_oid=not self._wanted.sha256)
        self._follower.follow_to(self.length)
        self._writer = Writer(
            self._handle, self.length, self._wanted.size, full=self._follower.take, written=self._wrote
        )

    def _wrote(self, end: int) -> None:
        """Called in the writer's thread."""
        self._follower.follow_to(end)
        if end - self._note.flushed >= FLUSH_BYTES and not self._is_flushing():
            self._flushing = threading.Thread(target=self._flush, args=(end,), daemon=True)
            self._flushing.start()

    def _is_flushing(self) -> bool:
        return self._flushing is not None and self._flushing.is_alive()

    def _join_flush(self) -> None:
        if self._flushing is not None:
            self._flushing.join()

    def _flush(self, length: int) -> None:
        try:
            _sync(self._handle)
            self._change(flushed=length)
        except OSError:
            return  # the writer meets the same error, and says so

    def _read_note(self) -> Note | None:
        """The note, if it is about the very file that is wanted."""
        try:
            note = msgspec.json.decode(self._note_file.read_bytes(), type=Note)
        except (OSError, msgspec.MsgspecError):
            return None
        same = (note.path, note.size, note.hash) == (self._fresh.path, self._fresh.size, self._fresh.hash)
        return note if same else None

    def _change(self, **fields: str | int) -> None:
        """Bring the note up to date, on disk too."""
        with self._noting:
            self._note = msgspec.structs.replace(self._note, **fields)
            write_whole(self._note_file, msgspec.json.encode(self._note))


def trusted_length(note: Note, found: int, boot: str) -> int:
    """How many of the bytes found can be kept: all within one run of the machine, else those that were flushed."""
    if found > note.size:
        return 0
    return found if note.boot == boot else min(found, note.flushed)


@cache
def boot_id() -> str:
    """A name for this run of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


def _sync(handle: int) -> None:
    if sys.platform == "linux":
        os.fdatasync(handle)
    else:
        os.fsync(handle)
