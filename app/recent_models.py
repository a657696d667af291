"""Which variants were used lately, the latest first; remembered between runs."""

import asyncio
import logging
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from app.asking import can_ask
from app.store import Store
from spark_engine.records import read_record, write_record
from spark_engine.tasks import create_task
from spark_engine.types.models import Ready
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import RequestChanged, StateSnapshot, VariantChanged, ready_variants

log = logging.getLogger(__name__)
KEPT = 8
SAVED_AFTER_MS = 2000


class RecentModels(QObject):
    """Follows what is loaded and asked, and remembers it in `file`."""

    def __init__(self, store: Store, file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file
        self._ids = read_record(file, list[str], [])[:KEPT]
        self._timer = QTimer(self, singleShot=True, interval=SAVED_AFTER_MS)
        self._timer.timeout.connect(self._save)
        store.happened.connect(self._follow)

    @property
    def ids(self) -> tuple[str, ...]:
        """Variants, the latest first."""
        return tuple(self._ids)

    def _follow(self, event: object) -> None:
        match event:
            case VariantChanged(id, Ready()) | RequestChanged(RequestEntry(model=id, phase="running")):
                self._used(id)
            case StateSnapshot(state):
                for variant in ready_variants(state):
                    self._used(variant.id)

    def _used(self, id: str) -> None:
        if self._ids[:1] == [id]:
            return
        self._ids = [id, *(other for other in self._ids if other != id)][:KEPT]
        if not self._timer.isActive():
            self._timer.start()

    def _save(self) -> None:
        if can_ask():
            create_task(_write(self._file, list(self._ids)), name="remember recent models")


async def _write(file: Path, ids: list[str]) -> None:
    try:
        await asyncio.to_thread(write_record, file, ids)
    except OSError as error:
        log.warning("recent models are not remembered: %s", error)
