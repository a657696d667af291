"""Reads back what `spark_engine.logs` writes: heads of records, and the tails of files that grow and are rotated."""

import re
from datetime import datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.types.logs import LogLevel, LogLine, LogPart

TAIL_BYTES = 256 * 1024
"""Of each file, this much is read of what was written before anybody asked."""
MOST_TEXT = 8000
"""Characters of one record that are shown."""
_HEAD = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z (?P<part>engine|runner|app) (?P<level>[A-Z]+) (?P<source>\S+): "
    r"(?P<text>.*)"
)
_LEVELS: dict[str, LogLevel] = {
    "DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "error", "CRITICAL": "error",
}  # fmt: skip


def parse_head(line: str) -> LogLine | None:
    """The record that a line begins, numbered 0; None where it begins none."""
    found = _HEAD.fullmatch(line)
    if found is None:
        return None
    part: LogPart = found["part"]  # type: ignore[assignment]  # one of the three that the pattern knows
    at = datetime.fromisoformat(found["at"] + "+00:00").timestamp()
    return LogLine(0, at, part, _LEVELS.get(found["level"], "info"), found["source"], found["text"])


def parse(text: str) -> list[LogLine]:
    """The records of a piece of a log, with the lines below a head as part of it; those before the first head are no
    whole record and left out."""
    records: list[tuple[LogLine, list[str]]] = []
    for line in text.splitlines():
        head = parse_head(line)
        if head is not None:
            records.append((head, [head.text]))
        elif records:
            records[-1][1].append(line)
    return [replace(head, text="\n".join(lines)[:MOST_TEXT]) for head, lines in records]


class _Place(Struct, frozen=True):
    """How far a file was read, and which file that was."""

    device: int
    inode: int
    offset: int


class LogFile:
    """One log file as it grows. Opened only to read, so that it can be renamed at any time, as rotation does."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._place: _Place | None = None

    def read_on(self) -> list[LogLine]:
        """The records since the last time; the first time the last ones there are. A half-written line waits."""
        try:
            return parse((self._before() + self._new()).decode(errors="replace"))
        except OSError:  # there is none, or it was rotated this very moment and is read the next time
            return []

    def _before(self) -> bytes:
        """What was written into a file that is the rotated one now and was not read to its end."""
        rotated = self._file.with_name(self._file.name + ".1")
        now = self._file.stat()
        if self._place is None:
            wanted = TAIL_BYTES - now.st_size
            found = wanted > 0 and rotated.exists()
            return _read(rotated, max(0, rotated.stat().st_size - wanted)) if found else b""
        if (now.st_dev, now.st_ino) == (self._place.device, self._place.inode):
            return b""
        read, self._place = self._place, _Place(now.st_dev, now.st_ino, 0)
        old = rotated.stat() if rotated.exists() else None
        is_it = old is not None and (old.st_dev, old.st_ino) == (read.device, read.inode)
        return _read(rotated, read.offset) if is_it else b""

    def _new(self) -> bytes:
        now = self._file.stat()
        start = max(0, now.st_size - TAIL_BYTES) if self._place is None else self._place.offset
        start = start if start <= now.st_size else 0  # else somebody emptied it
        data = _read(self._file, start)
        self._place = _Place(now.st_dev, now.st_ino, start + len(data))
        return data


def _read(file: Path, start: int) -> bytes:
    """What stands in a file from a byte on, whole lines only."""
    with file.open("rb") as source:
        source.seek(start)
        data = source.read()
    return data[: data.rfind(b"\n") + 1]
