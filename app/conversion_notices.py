"""Tells when a conversion is over: it takes minutes, and people look elsewhere meanwhile."""

from PySide6.QtCore import QObject

from app.conversion_words import kind_words
from app.headline import display_name
from app.notices import Notice, NoticeBoard
from app.store import Store
from app.words import plain
from spark_engine.types.conversions import (
    ConversionEntry,
    ConversionFailed,
    Converted,
    Converting,
    agreement_words,
)
from spark_engine.types.state import ConversionChanged, ConversionDropped


class ConversionNotices(QObject):
    """Only what this app saw running is told."""

    def __init__(self, store: Store, board: NoticeBoard) -> None:
        super().__init__(board)
        self._store, self._board = store, board
        self._running: set[str] = set()
        store.happened.connect(self._follow)

    def _follow(self, event: object) -> None:
        match event:
            case ConversionChanged(ConversionEntry(id=id, status=Converting())):
                self._running.add(id)
                self._board.withdraw(_key(id))
            case ConversionChanged(ConversionEntry(id=id) as entry) if id in self._running:
                self._running.discard(id)
                self._over(entry)
            case ConversionDropped(id):
                self._running.discard(id)
                self._board.withdraw(_key(id))

    def _over(self, entry: ConversionEntry) -> None:
        state = self._store.state
        name = display_name(state, entry.source) if state else entry.source
        match entry.status:
            case Converted(_, agreement):
                title = f"{name} is here as {kind_words(entry.id)}"
                told = Notice(
                    _key(entry.id), "ok", title, agreement_words(agreement), passing=True, announce=True
                )
            case ConversionFailed() as failed:
                title = f"{name} did not become {kind_words(entry.id)}"
                text = plain(f"{failed.title}. {failed.message}")
                details = f"code: {failed.code}\n{failed.evidence}".strip()
                told = Notice(
                    _key(entry.id), "bad", title, text, plain(failed.remedy), details, announce=True
                )
            case _:
                return
        self._board.post(told)


def _key(id: str) -> str:
    return f"conversion-over:{id}"
