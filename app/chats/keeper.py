"""Keeps conversations on disk as they change, a moment later and off the UI thread, and knows which there are."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace
from PySide6.QtCore import QObject, QTimer, Signal

from app.chats.record import Card, TalkRecord, card, recorded, restored
from app.chats.setup import Setup
from app.chats.shelf import MOST, Shelf
from app.chats.talk import Talk
from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record

log = logging.getLogger(__name__)
SOON_MS, WHILE_WRITING_MS = 300, 1500
"""From a change to its place on disk: of what people do, and of an answer that is being written."""
_T = TypeVar("_T")


class Memory(Struct, frozen=True, omit_defaults=True):
    """What the Chat page remembers: whether conversations are kept as the engine said last, the one that was open, and
    how new ones begin.
    """

    keeps: bool = True
    shown: str = ""
    setup: Setup = Setup()


class Keeper(QObject):
    """`listed` when there are other conversations, or other names; `failed(reason)` when a file could not be written.

    While `keeps` is False nothing is written; what was kept before stays until it is deleted. One thread does all
    writing and reading, in the order it was asked for.
    """

    listed = Signal()
    failed = Signal(str)

    def __init__(self, base: BaseDir, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shelf, self._file = Shelf(base.chats), base.state / "chat.json"
        self.memory: Memory = read_record(self._file, Memory, Memory())
        self._hand, self._is_closed = ThreadPoolExecutor(1, "conversations"), False
        self._cards: dict[str, Card] = {}
        self._changed: dict[str, Talk] = {}
        self._gone: dict[str, TalkRecord | None] = {}
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._write_changed)

    @property
    def keeps(self) -> bool:
        """Whether conversations are kept."""
        return self.memory.keeps

    @property
    def cards(self) -> list[Card]:
        """Every conversation that is kept, newest first."""
        return sorted(self._cards.values(), key=lambda c: c.changed, reverse=True)

    @property
    def is_full(self) -> bool:
        """Whether the oldest conversations make room for new ones."""
        return len(self._cards) >= MOST

    async def load(self) -> None:
        """Find out what is kept."""
        found = await self._ask(self._shelf.cards)
        self._cards = {**{c.id: c for c in found if c.id not in self._gone}, **self._cards}
        self.listed.emit()

    async def read(self, id: str) -> Talk | None:
        """A conversation as it is kept; None when it cannot be read."""
        self._write_changed()
        record = await self._ask(lambda: self._shelf.read(id))
        return restored(record) if record else None

    async def search(self, words: str) -> dict[str, str]:
        """Where all these words occur, each with a piece of text around the first."""
        return await asyncio.to_thread(self._shelf.search, words)

    def note(self, talk: Talk, *, is_writing: bool = False) -> None:
        """`talk` changed: keep it soon."""
        if not self.keeps or talk.id in self._gone:
            return
        self._changed[talk.id] = talk
        wait = WHILE_WRITING_MS if is_writing else SOON_MS
        if not self._timer.isActive() or self._timer.remainingTime() > wait:
            self._timer.start(wait)
        self._list(talk)

    def rename(self, id: str, title: str) -> None:
        """Call a conversation that is not open otherwise; its place in the list stays."""
        self._cards[id] = replace(self._cards[id], name=title)
        self.listed.emit()
        self._do(lambda: self._rename(id, title))

    def remove(self, id: str) -> None:
        """Delete a conversation; until the app ends it can be put back."""
        self._write_changed()
        self._gone[id] = None
        self._cards.pop(id, None)
        self.listed.emit()
        self._do(lambda: self._remove(id))

    async def put_back(self, id: str) -> Talk | None:
        """Take a deletion back; the conversation as it was."""
        record = await self._ask(lambda: self._put_back(id))
        if record is None:
            return None
        talk = restored(record)
        self._cards[id] = card(talk)
        self.listed.emit()
        return talk

    def remove_all(self) -> None:
        """Delete every conversation for good."""
        self._changed.clear()
        gone, self._cards = list(self._cards), {}
        self._gone |= dict.fromkeys(gone)
        self.listed.emit()
        self._do(lambda: self._remove_each(gone))

    def remember(self, **changes: object) -> None:
        """Change what is remembered from one start to the next."""
        changed = replace(self.memory, **changes)
        if changed == self.memory:
            return
        self.memory = changed
        if not changed.keeps:
            self._changed.clear()
        self._do(lambda: write_record(self._file, changed))

    def close(self) -> None:
        """The app ends: everything is on disk afterwards."""
        self._write_changed()
        self._is_closed = True
        self._hand.shutdown()

    def _list(self, talk: Talk) -> None:
        before = self._cards.pop(talk.id, None)
        if not talk.is_blank:
            self._cards[talk.id] = card(talk)
        if self._cards.get(talk.id) != before:
            self.listed.emit()

    def _write_changed(self) -> None:
        self._timer.stop()
        taken, self._changed = list(self._changed.values()), {}
        if taken and self.keeps:
            records = [(recorded(talk), talk.is_blank) for talk in taken]
            for record, is_blank in records:
                self._do(partial(self._write, record, is_blank))

    # --- in the thread -------------------------------------------------------------------------------------

    def _write(self, record: TalkRecord, is_blank: bool) -> None:
        if is_blank:
            self._shelf.remove(record.id)
        else:
            self._shelf.write(record)

    def _rename(self, id: str, title: str) -> None:
        record = self._shelf.read(id)
        if record is not None:
            self._shelf.write(replace(record, title=title, name=title))

    def _remove(self, id: str) -> None:
        self._gone[id] = self._shelf.read(id)
        self._shelf.remove(id)

    def _put_back(self, id: str) -> TalkRecord | None:
        record = self._gone.pop(id, None)
        if record is not None:
            self._shelf.write(record)
        return record

    def _remove_each(self, ids: list[str]) -> None:
        for id in ids:
            self._shelf.remove(id)

    # --- handing it to the thread --------------------------------------------------------------------------

    def _do(self, work: Callable[[], object]) -> None:
        if not self._is_closed:
            self._hand.submit(self._guarded, work)

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OSError as error:
            log.warning("conversations cannot be kept: %s", error)
            self.failed.emit(error.strerror or type(error).__name__)

    async def _ask(self, work: Callable[[], _T]) -> _T:
        return await asyncio.wrap_future(self._hand.submit(work))
