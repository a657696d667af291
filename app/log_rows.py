"""Lines of the logs as a table: the latest at the end, those that a filter lets through."""

import time
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from app.theme import theme
from spark_engine.types.logs import LogFilter, LogLevel, LogLine, as_text

COLUMNS = ("Time", "Level", "From", "Says")
TIME, LEVEL, SOURCE, TEXT = range(len(COLUMNS))
MOST = 5000
PARTS = {"engine": "Engine", "runner": "Runner", "app": "App"}
LEVEL_TONES: dict[LogLevel, str] = {"error": "bad", "warning": "warn", "info": "", "debug": "quiet"}
_OWN = ("spark_engine.", "app.")
_Index = QModelIndex | QPersistentModelIndex


class LogRows(QAbstractTableModel):
    """Holds the latest lines; shows those that `filter` lets through."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[LogLine] = []
        self._shown: list[LogLine] = []
        self.filter = LogFilter()

    @property
    def lines(self) -> Sequence[LogLine]:
        """The lines that are shown."""
        return self._shown

    @property
    def count(self) -> int:
        """How many lines there are, shown or not."""
        return len(self._lines)

    def add(self, lines: Sequence[LogLine]) -> int:
        """Take new lines; how many of them are shown."""
        self._lines += lines
        surplus = len(self._lines) - MOST
        if surplus > 0:
            self._drop(self._lines[surplus].number)
            del self._lines[:surplus]
        new = [line for line in lines if self.filter.lets_through(line)][-MOST:]
        if new:
            end = len(self._shown)
            self.beginInsertRows(QModelIndex(), end, end + len(new) - 1)
            self._shown += new
            self.endInsertRows()
        return len(new)

    def show_only(self, wanted: LogFilter) -> None:
        """Filter anew."""
        if wanted != self.filter:
            self.beginResetModel()
            self.filter = wanted
            self._shown = [line for line in self._lines if wanted.lets_through(line)]
            self.endResetModel()

    def clear(self) -> None:
        """Forget all lines."""
        self.beginResetModel()
        self._lines, self._shown = [], []
        self.endResetModel()

    def line(self, row: int) -> LogLine | None:
        """The line of a row."""
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own default
        """Qt: how many rows."""
        return 0 if parent.isValid() else len(self._shown)

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
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt: what a cell holds."""
        line = self.line(index.row())
        if line is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _words(line, index.column())
            case Qt.ItemDataRole.AccessibleTextRole:
                return (
                    as_text(line, clock(line.at)) if index.column() == TEXT else _words(line, index.column())
                )
            case Qt.ItemDataRole.ForegroundRole:
                tone = LEVEL_TONES[line.level]
                wanted = index.column() == LEVEL and tone
                return QColor(theme().tone(tone)) if wanted or line.level == "debug" else None
        return None

    def _drop(self, number: int) -> None:
        """Lines before this number are shown no longer."""
        gone = sum(line.number < number for line in self._shown)
        if gone:
            self.beginRemoveRows(QModelIndex(), 0, gone - 1)
            del self._shown[:gone]
            self.endRemoveRows()


def clock(at: float) -> str:
    """`14:02:07.123` in local time."""
    return time.strftime("%H:%M:%S", time.localtime(at)) + f".{int(at * 1000) % 1000:03d}"


def day(at: float) -> str:
    """`2031-01-31 14:02:07.123` in local time."""
    return time.strftime("%Y-%m-%d ", time.localtime(at)) + clock(at)


def source_words(line: LogLine) -> str:
    """Who said it: `Engine, api.serve`, `Runner, spark-nano:onnx-int4`."""
    source = line.source
    for own in _OWN:
        source = source.removeprefix(own)
    return f"{PARTS[line.part]}, {source}"


def _words(line: LogLine, column: int) -> str:
    match column:
        case 0:
            return clock(line.at)
        case 1:
            return line.level
        case 2:
            return source_words(line)
        case _:
            first, _, rest = line.text.partition("\n")
            return f"{first} …" if rest else first
