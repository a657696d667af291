"""Fetches one file of a model: keeps what arrives, goes on after every interruption, believes only its hash."""

import errno
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spark_engine.catalog.download.part import Part
from spark_engine.catalog.download.ranges import head_of, request_headers, starting_point, wrong_size
from spark_engine.catalog.hub.client import Hub, Vouched
from spark_engine.catalog.hub.failures import Interrupted
from spark_engine.catalog.hub.listing import RemoteFile
from spark_engine.catalog.hub.reply import Reply
from spark_engine.errors import SparkError, Unavailable

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Stopped(Exception):
    """Another file failed, so nobody wants this one."""


class FileFetch:
    """`wanted` of a repository, to become `target`. `kept` and `received` count bytes; `trouble` is a phrase; anyone
    may look at them while `run` works in its thread."""

    def __init__(
        self, hub: Hub, repository: str, revision: str, wanted: RemoteFile, parts: Path, target: Path,
        stop: threading.Event,
    ) -> None:  # fmt: skip
        self.wanted, self._target = wanted, target
        self._hub, self._repository = hub, repository
        self._address = hub.file(repository, revision, wanted.path)
        self._stop = stop
        self._part = Part(parts, wanted)
        self.received, self.trouble, self.sha256 = 0, "", ""
        if self._part.checked_sha256 and target.is_file() and target.stat().st_size == wanted.size:
            self.sha256 = self._part.checked_sha256

    @property
    def done(self) -> bool:
        """Whether the file is whole, checked and in its place."""
        return bool(self.sha256)

    @property
    def kept(self) -> int:
        """Bytes that need not be fetched again."""
        return self.wanted.size if self.done else self._part.length

    def prepare(self) -> None:
        """Find what an earlier run left."""
        if not self.done:
            with disk_trouble():
                self._part.open()

    def run(self) -> None:
        """Fetch it; SparkError when it cannot be had, Stopped when it is no longer wanted."""
        if self.done:
            return
        with disk_trouble():
            for last_try in (False, True):
                self._fetch()
                if self._part.is_right():
                    break
                self._part.restart()
                if last_try:
                    raise _wrong_bytes(self._repository, self.wanted.path)
            self._part.place(self._target)
            self.sha256 = self._part.digests.sha256

    def _fetch(self) -> None:
        """All its bytes, as often as it takes."""
        fruitless, furthest = 0, self._part.length
        while self._part.length < self.wanted.size:
            try:
                self._attempt()
            except Interrupted as setback:
                if self._part.length > furthest:
                    fruitless, furthest = 0, self._part.length
                fruitless += 1
                if fruitless >= (setback.tries or self._hub.patience.tries):
                    raise setback.error from setback
                self._pause(self._hub.patience.delay(fruitless, setback.retry_after), setback.trouble)

    def _pause(self, seconds: float, trouble: str) -> None:
        self.trouble = trouble
        if self._stop.wait(seconds):
            raise Stopped

    def _attempt(self) -> None:
        """One request for what is missing."""
        offset = self._part.length
        reply, vouched = self._hub.get(self._address, request_headers(offset, self._part.etag))
        with reply:
            if reply.status >= 400 and reply.status != 416:
                raise self._hub.refused(reply, self._repository, self.wanted.path)
            self._check(vouched)
            head = head_of(reply)
            start = starting_point(head, offset, self.wanted.size, self._part.etag, self.wanted.path)
            if start != offset:
                self._part.restart()
            if start is None:
                raise Interrupted(
                    "the file has changed on the server", _changed(self._repository, self.wanted.path)
                )
            self._part.begin(str(reply.address).partition("?")[0], head.etag)
            self._receive(reply)

    def _check(self, vouched: Vouched) -> None:
        """Whether the hub still speaks of the file that it listed at this commit."""
        listed = self.wanted.sha256 or self.wanted.oid
        other = _HASH.fullmatch(vouched.etag) and len(vouched.etag) == len(listed) and vouched.etag != listed
        if other or vouched.size not in (None, self.wanted.size):
            error = _changed(self._repository, self.wanted.path)
            raise Interrupted("the file has changed on the hub", error, tries=3)

    def _receive(self, reply: Reply) -> None:
        while self._part.length < self.wanted.size:
            if self._stop.is_set():
                raise Stopped
            count = reply.read_into(self._part.room())
            if not count:
                raise Interrupted(f"the connection to {reply.address.host} was cut")
            self._part.took(count)
            self.received += count
            self.trouble = ""
        if reply.length is None and reply.read_into(memoryview(bytearray(1))):
            self._part.restart()
            what = f"more than the {self.wanted.size} bytes of the file came"
            raise Interrupted("the answer has no end", wrong_size(self.wanted.path, what), tries=3)


@contextmanager
def disk_trouble() -> Iterator[None]:
    """Turn what a disk can fail with into a SparkError."""
    try:
        yield
    except OSError as error:
        raise disk_failed(error) from error


def disk_failed(error: OSError) -> SparkError:
    """The disk takes no more, or does not work."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            "disk_full", "The disk is full", "There is no room for the rest of the model.",
            "Free some space and go on; what was fetched is kept.",
        )  # fmt: skip
    return Unavailable(
        "download_not_written",
        "The download cannot be written",
        f"The disk or its permissions refused: {error.strerror or error}.",
        "Check the base directory, and that its disk works.",
    )


def _wrong_bytes(repository: str, path: str) -> SparkError:
    return Unavailable(
        "download_wrong_bytes",
        "The file is damaged",
        f"{path} of {repository} came twice with bytes that do not have the hash the hub lists.",
        "Try again later; if it stays so, the mirror or a proxy on the way changes files.",
    )


def _changed(repository: str, path: str) -> SparkError:
    return Unavailable(
        "file_changed",
        "The file has changed",
        f"{path} of {repository} is not the one that the hub lists at this commit.",
        "Try again; if it stays so, check hub.endpoint: a mirror may be out of step.",
    )
