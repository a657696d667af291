"""The folder of kept conversations, a file each: listing, reading, writing, searching. No Qt; blocking."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from app.chats.record import Card, TalkRecord
from spark_engine.records import read_record, write_whole

log = logging.getLogger(__name__)
MOST = 1000
"""How many conversations are kept; the oldest go first."""
LARGEST_BYTES = 32 << 20
SNIPPET = 40
_ID = re.compile(r"[0-9a-z-]{1,64}")
_T = TypeVar("_T", Card, TalkRecord)


class Shelf:
    """Conversations by their ids. A file that is no conversation is left alone and not listed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def cards(self) -> list[Card]:
        """What is kept, newest first; beyond the most that is kept, the oldest are deleted."""
        found = (self._decoded(file, Card) for file in self._files())
        cards = sorted((c for c in found if c is not None), key=lambda c: c.changed, reverse=True)
        for old in cards[MOST:]:
            self.remove(old.id)
        return cards[:MOST]

    def read(self, id: str) -> TalkRecord | None:
        """A whole conversation; None when it is not there or cannot be read."""
        return self._decoded(self._file(id), TalkRecord)

    def write(self, record: TalkRecord) -> None:
        """Keep it, in place of what was kept of it before. OSError when it cannot be written."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._file(record.id), msgspec.json.encode(record))

    def remove(self, id: str) -> None:
        """Delete it. OSError when that fails."""
        self._file(id).unlink(missing_ok=True)

    def search(self, words: str) -> dict[str, str]:
        """Conversations with all of `words` in what was said or in their names, each with a piece of text around the
        first of them (empty where only the name has it).
        """
        wanted = words.casefold().split()
        found = {}
        for file in self._files():
            if wanted and (snippet := self._snippet(file, wanted)) is not None:
                found[file.stem] = snippet
        return found

    def _snippet(self, file: Path, wanted: list[str]) -> str | None:
        record = self._decoded(file, TalkRecord)
        if record is None:
            return None
        texts = [text for turn in record.turns for text in (turn.question, turn.answer)]
        whole = "\n".join([record.name, *texts]).casefold()
        if not all(word in whole for word in wanted):
            return None
        return next((_around(text, wanted[0]) for text in texts if wanted[0] in text.casefold()), "")

    def _files(self) -> Iterator[Path]:
        return (file for file in self._folder.glob("*.json") if _ID.fullmatch(file.stem))

    def _file(self, id: str) -> Path:
        if not _ID.fullmatch(id):
            raise ValueError(id)
        return self._folder / f"{id}.json"

    def _decoded(self, file: Path, kind: type[_T]) -> _T | None:
        try:
            if file.stat().st_size > LARGEST_BYTES:
                log.warning("%s is ignored: it is larger than any conversation", file)
                return None
        except OSError:
            return None
        read = read_record(file, kind, None)
        return None if read is None else msgspec.structs.replace(read, id=file.stem)


def _around(text: str, word: str) -> str:
    """A piece of `text` around `word`, on one line."""
    line = " ".join(text.split())
    at = max(line.casefold().find(word), 0)
    begin, end = max(at - SNIPPET // 2, 0), at + len(word) + SNIPPET
    return f"{'…' if begin else ''}{line[begin:end].strip()}{'…' if end < len(line) else ''}"
