"""A file of a model, read forward; every length it claims is held against the bytes that are there."""

import os
import stat
import struct
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spark_engine.catalog.formats.refusal import Refused, refuse

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_BUFFER = 128 * 1024
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


class Source:
    """An open regular file of `size` bytes; `place` is where the next byte is read. Its refusals carry `name`."""

    def __init__(self, path: Path, name: str) -> None:
        self.name, self.place = name, 0
        handle = os.open(path, _FLAGS)  # a pipe in the model's place must not make us wait
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                refuse("not_a_file", f"{name} is no ordinary file", name)
            self.size, self.links = found.st_size, found.st_nlink
            self._file = os.fdopen(handle, "rb", _BUFFER)
        except BaseException:
            os.close(handle)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if isinstance(error, Refused) and not error.file:
            error.file = self.name

    @property
    def left(self) -> int:
        """Bytes from here to the end."""
        return self.size - self.place

    def read(self, count: int) -> bytes:
        """The next `count` bytes, all of them."""
        self._check(count)
        data = self._file.read(count)
        if len(data) != count:
            refuse("truncated", "it became shorter while it was read")
        self.place += count
        return data

    def peek(self, most: int) -> bytes:
        """Up to `most` of the next bytes, which stay to be read."""
        data = self._file.read(min(most, self.left))
        self._file.seek(self.place)
        return data

    def skip(self, count: int) -> None:
        """Pass over `count` bytes that must be there."""
        self._check(count)
        self.seek(self.place + count)

    def seek(self, place: int) -> None:
        """Go on reading at `place`."""
        if not 0 <= place <= self.size:
            refuse("truncated", "it ends before what it says it holds")
        self.place = place
        self._file.seek(place)

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        """The next values, as `layout` says."""
        return layout.unpack(self.read(layout.size))

    def u32(self) -> int:
        """A number of four bytes, the lowest first."""
        return int(_U32.unpack(self.read(4))[0])

    def u64(self) -> int:
        """A number of eight bytes, the lowest first."""
        return int(_U64.unpack(self.read(8))[0])

    def _check(self, count: int) -> None:
        if not 0 <= count <= self.left:
            refuse("truncated", "it ends before what it says it holds")
