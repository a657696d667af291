"""Keeps the folder of logs small: what rotates bounds itself, the engine's plain output and all together here."""

import os
from contextlib import suppress
from pathlib import Path

OUTPUT, OUTPUT_BEFORE = "engine-output.log", "engine-output.1.log"
MOST_OUTPUT, KEPT_OUTPUT = 2 * 1024 * 1024, 256 * 1024
MOST_TOGETHER = 48 * 1024 * 1024
_IN_USE = (OUTPUT, "engine.log", "app.log", "cli.log")


def bound_output(folder: Path, most: int = MOST_OUTPUT) -> bool:
    """Begin the output of a background engine anew when it is larger than `most` bytes, with its end kept beside it;
    whether that was done. For the process that writes it: it was opened to append, so writing goes on at the start.
    """
    file = folder / OUTPUT
    try:
        if file.stat().st_size <= most:
            return False
        with file.open("rb") as source:
            source.seek(-min(KEPT_OUTPUT, most), os.SEEK_END)
            end = source.read()
        (folder / OUTPUT_BEFORE).write_bytes(end[end.find(b"\n") + 1 :])
        os.truncate(file, 0)
    except OSError:
        return False
    _rewind(file)
    return True


def bound_together(folder: Path, most: int = MOST_TOGETHER) -> list[str]:
    """Delete the oldest logs that nobody writes any more until all together have at most `most` bytes; their names."""
    with suppress(OSError):
        found = [(f, f.stat()) for f in folder.iterdir() if f.is_file()]
        surplus = sum(stat.st_size for _, stat in found) - most
        gone = []
        for file, stat in sorted(found, key=lambda one: one[1].st_mtime):
            if surplus > 0 and file.name not in _IN_USE:
                file.unlink(missing_ok=True)
                surplus -= stat.st_size
                gone.append(file.name)
        return gone
    return []


def _rewind(file: Path) -> None:
    """Where appending is a habit of the writer and not of the file (Windows), go back to the start with it."""
    for handle in (1, 2):
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), file.stat()):
                os.lseek(handle, 0, os.SEEK_SET)
