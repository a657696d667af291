"""What the tests' model hub serves: files with the hashes that a hub lists them by, and the requests that came."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PIECE = 1 << 20


@dataclass
class Source:
    """A file of a repository: where its bytes are, and its hashes as the hub lists them."""

    content: Path | bytes
    large: bool

    @cached_property
    def size(self) -> int:
        """In bytes."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @cached_property
    def sha256(self) -> str:
        """Of the bytes."""
        return self._hash(hashlib.sha256())

    @cached_property
    def oid(self) -> str:
        """As git has it."""
        return self._hash(hashlib.sha1(b"blob %d\0" % self.size))

    @property
    def etag(self) -> str:
        """As the hub's header has it, without quotes."""
        return self.sha256 if self.large else self.oid

    def _hash(self, hashing: "hashlib._Hash") -> str:
        for piece in self.pieces(0, self.size):
            hashing.update(piece)
        return hashing.hexdigest()

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a range, a piece at a time."""
        if isinstance(self.content, bytes):
            yield self.content[start:end]
            return
        with self.content.open("rb") as file:
            file.seek(start)
            while start < end and (piece := file.read(min(PIECE, end - start))):
                start += len(piece)
                yield piece


@dataclass
class Repository:
    """Files at one commit. `token`: only for those who show it; `forbidden`: not even for them."""

    files: dict[str, Source]
    gated: bool | str = False
    token: str = ""
    forbidden: bool = False

    @property
    def commit(self) -> str:
        """Changes with the files."""
        listed = "".join(f"{path} {source.etag}\n" for path, source in sorted(self.files.items()))
        return hashlib.sha1(listed.encode()).hexdigest()


@dataclass
class Request:
    """One that came, its names of headers in lower case."""

    path: str
    headers: dict[str, str]
