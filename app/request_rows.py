"""The requests as a table: those under way first, then those that are over, the latest first, fetched by and by."""

import time
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.headline import display_name
from app.request_words import speed_words, stages, state_words, token_words, total_ms, when
from app.words import duration
from spark_engine.types.requests import RequestEntry, RequestPage, is_active, is_meant
from spark_engine.types.state import EngineState
from spark_engine.types.waiting import Place, places

COLUMNS = ("State", "Model", "App", "Tokens", "Where the time went", "Speed", "When")
STATE, MODEL, APP, TOKENS, TIME, SPEED, WHEN = range(len(COLUMNS))
ENTRY = Qt.ItemDataRole.UserRole
MOST = 10_000
_Index = QModelIndex | QPersistentModelIndex
_NUMBERS = (TOKENS, SPEED, WHEN)


class RequestRows(QAbstractTableModel):
    """`more_wanted` carries the id before which the following requests are wanted (empty: the latest). Only rows that
    changed are redrawn. `is_moving`: a row goes away just now, perhaps to come back in another place."""

    more_wanted = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._active: list[RequestEntry] = []
        self._over: list[RequestEntry] = []
        self._known: set[str] = set()
        self._places: dict[str, Place] = {}
        self._names: dict[str, str] = {}
        self._next: str | None = ""
        self._asked = self.is_moving = False
        self.text = ""

    @property
    def active_count(self) -> int:
        """How many rows are of requests under way."""
        return len(self._active)

    def entry(self, row: int) -> RequestEntry | None:
        """The request of a row."""
        if 0 <= row < len(self._active):
            return self._active[row]
        row -= len(self._active)
        return self._over[row] if 0 <= row < len(self._over) else None

    def row_of(self, id: str) -> int:
        """The row of a request; -1 when it has none."""
        for row, entry in enumerate(self._active):
            if entry.id == id:
                return row
        if id not in self._known:
            return -1
        return len(self._active) + next(at for at, entry in enumerate(self._over) if entry.id == id)

    def place(self, id: str) -> Place | None:
        """The place of a waiting request."""
        return self._places.get(id)

    # --- what comes in -------------------------------------------------------------------------------------

    def search(self, text: str) -> None:
        """Show only requests in whose row `text` is found; the list is fetched anew."""
        if text != self.text:
            self.text = text
            self.start_over()

    def start_over(self) -> None:
        """Forget everything; the latest are wanted."""
        self.beginResetModel()
        self._active, self._over, self._known = [], [], set()
        self._next, self._asked = "", False
        self.endResetModel()

    def show_state(self, state: EngineState) -> None:
        """Take what the events told."""
        mine = [e for e in state.requests.values() if is_meant(e, self.text)]
        found = places(state, time.time())
        active = [e for e in mine if is_active(e)]
        active.sort(key=lambda e: (e.phase != "running", found[e.id].position if e.id in found else 0))
        self._names = {e.model: display_name(state, e.model) for e in mine} | self._names
        self._show_active(active, found)
        self._add_over(e for e in mine if not is_active(e) and e.id not in self._known)

    def add_page(self, page: RequestPage) -> None:
        """Take a fetched piece."""
        self._asked, self._next = False, page.next or None
        self._add_over(e for e in page.finished if e.id not in self._known)

    def failed(self) -> None:
        """The piece that was wanted did not come; scrolling asks again."""
        self._asked = False

    def tick(self) -> None:
        """Time went by: what is under way took longer."""
        if self._active:
            self._tell(range(len(self._active)))

    # --- Qt's questions ------------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own default
        """Qt: how many rows."""
        return 0 if parent.isValid() else len(self._active) + len(self._over)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Qt: how many columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Qt: the words above a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt: what a cell holds."""
        entry = self.entry(index.row())
        if entry is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._words(entry, index.column())
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleTextRole:
                return self._all_words(entry, index.column())
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(index.column())
            case Qt.ItemDataRole.UserRole:
                return entry
        return None

    def canFetchMore(self, parent: _Index) -> bool:
        """Qt: whether there are more rows than were fetched."""
        return not parent.isValid() and self._next is not None and not self._asked

    def fetchMore(self, parent: _Index) -> None:
        """Qt: the last row is in sight."""
        if self.canFetchMore(parent):
            self._asked = True
            self.more_wanted.emit(self._next or "")

    # --- how -----------------------------------------------------------------------------------------------

    def _words(self, entry: RequestEntry, column: int) -> str:
        now = time.time()
        match column:
            case 0:
                return state_words(entry, self._places.get(entry.id))
            case 1:
                return self._names.get(entry.model, entry.model)
            case 2:
                return entry.client
            case 3:
                return token_words(entry)
            case 4:
                return duration(total_ms(entry, now))
            case 5:
                return speed_words(entry, now)
            case _:
                return when(entry.finished_at or entry.accepted_at, now)

    def _all_words(self, entry: RequestEntry, column: int) -> str:
        """A cell for whoever looks closer or listens."""
        if column == TIME:
            return ", ".join(stage.words for stage in stages(entry, time.time()))
        if column == STATE and entry.error:
            return f"{entry.phase}: {entry.error}"
        return entry.model if column == MODEL else self._words(entry, column)

    def _show_active(self, active: list[RequestEntry], found: dict[str, Place]) -> None:
        before = {e.id: e for e in self._active}
        moved = {id for id in before.keys() | found.keys() if self._places.get(id) != found.get(id)}
        self._places = found
        wanted = {e.id for e in active}
        for row in reversed(range(len(self._active))):
            if self._active[row].id not in wanted:
                self.is_moving = True
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._active[row]
                self.endRemoveRows()
                self.is_moving = False
        if [e.id for e in self._active] != [e.id for e in active if e.id in before]:
            self._reorder([before[e.id] for e in active if e.id in before])
        for row, entry in enumerate(active):
            if entry.id not in before:
                self.beginInsertRows(QModelIndex(), row, row)
                self._active.insert(row, entry)
                self.endInsertRows()
        changed = [row for row, e in enumerate(active) if e != before.get(e.id, e) or e.id in moved]
        self._active = active
        self._tell(changed)

    def _reorder(self, active: list[RequestEntry]) -> None:
        """Rows changed places; whoever holds on to one keeps it."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        rows = {entry.id: row for row, entry in enumerate(active)}
        ids = {row: entry.id for row, entry in enumerate(self._active)}
        self._active = active
        moved = [self.index(rows[ids[i.row()]], i.column()) if i.row() in ids else i for i in old]
        self.changePersistentIndexList(old, moved)
        self.layoutChanged.emit()

    def _add_over(self, entries: Iterable[RequestEntry]) -> None:
        """Put requests that are over where they belong: the latest first."""
        new = sorted(entries, key=_latest_first)
        if not new:
            return
        self._known |= {entry.id for entry in new}
        offset = len(self._active)
        if not self._over or _latest_first(new[0]) >= _latest_first(self._over[-1]):
            end = offset + len(self._over)
            self.beginInsertRows(QModelIndex(), end, end + len(new) - 1)
            self._over += new
            self.endInsertRows()
        else:
            for entry in new:
                at = bisect_left(self._over, _latest_first(entry), key=_latest_first)
                self.beginInsertRows(QModelIndex(), offset + at, offset + at)
                self._over.insert(at, entry)
                self.endInsertRows()
        self._cut()

    def _cut(self) -> None:
        """No more rows than the engine remembers."""
        if len(self._over) > MOST:
            first, last = len(self._active) + MOST, self.rowCount() - 1
            self.beginRemoveRows(QModelIndex(), first, last)
            self._known -= {entry.id for entry in self._over[MOST:]}
            del self._over[MOST:]
            self.endRemoveRows()

    def _tell(self, rows: Iterable[int]) -> None:
        for row in rows:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))


def _latest_first(entry: RequestEntry) -> float:
    return -(entry.finished_at or entry.accepted_at)


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in _NUMBERS else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
