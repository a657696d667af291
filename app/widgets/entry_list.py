"""A list of entries, each a title and a quiet line: Enter or a click opens, F2 renames, Del deletes."""

from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QContextMenuEvent, QFont, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.theme import theme
from app.tokens import GRID, RADIUS_CONTROL, SIZE_SMALL
from app.widgets.escape import keeps_escape

HEIGHT = 48
Index = QModelIndex | QPersistentModelIndex


class ListEntry(Struct, frozen=True):
    """One entry; `line` is what stands below its title."""

    id: str
    title: str
    line: str = ""


class EntryList(QListView):
    """`chosen(id)`, `renamed(id, title)`, `unwanted(id)`, and `asked(id, place)` for a menu. One entry may be shown as
    the one that is `open`.
    """

    chosen = Signal(str)
    renamed = Signal(str, str)
    unwanted = Signal(str)
    asked = Signal(str, QPoint)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setProperty("look", "entries")
        self.setAccessibleName(name)
        self._rows = _Rows(self)
        self.setModel(self._rows)
        self.setItemDelegate(_Painter(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.clicked.connect(self._choose)
        self._rows.renamed.connect(self.renamed)

    def show_entries(self, entries: Sequence[ListEntry], open_id: str) -> None:
        """Show these; where one is and what is being renamed stays."""
        self._rows.show_entries(list(entries), open_id, self)

    def rename(self, id: str) -> None:
        """Let somebody type another title."""
        at = self._rows.place(id)
        if at is not None:
            self.setCurrentIndex(self._rows.index(at))
            self.setFocus()
            self.edit(self._rows.index(at))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key."""
        id = self._rows.id(self.currentIndex())
        editing = self.state() == QAbstractItemView.State.EditingState
        match event.key():
            case Qt.Key.Key_Return | Qt.Key.Key_Enter if id and not editing:
                self.chosen.emit(id)
            case Qt.Key.Key_F2 if id:
                self.rename(id)
            case Qt.Key.Key_Delete if id and not editing:
                self.unwanted.emit(id)
            case _:
                super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Qt: the right button or the menu key."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        if id := self._rows.id(index):
            place = self.visualRect(index).center() if by_key else event.pos()
            self.asked.emit(id, self.viewport().mapToGlobal(place))

    def _choose(self, index: QModelIndex) -> None:
        if id := self._rows.id(index):
            self.chosen.emit(id)


class _Rows(QAbstractListModel):
    renamed = Signal(str, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.entries: list[ListEntry] = []
        self.open_id = ""

    def place(self, id: str) -> int | None:
        return next((at for at, entry in enumerate(self.entries) if entry.id == id), None)

    def id(self, index: Index) -> str:
        return self.entries[index.row()].id if index.isValid() else ""

    def show_entries(self, entries: list[ListEntry], open_id: str, view: QListView) -> None:
        same = [e.id for e in entries] == [e.id for e in self.entries]
        if not same:
            current = self.id(view.currentIndex())
            self.beginResetModel()
        self.entries, self.open_id = entries, open_id
        if not same:
            self.endResetModel()
            at = self.place(current)
            if at is not None:
                view.setCurrentIndex(self.index(at))
        elif entries:
            self.dataChanged.emit(self.index(0), self.index(len(entries) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self.entries[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole | Qt.ItemDataRole.ToolTipRole:
                return entry.title
            case Qt.ItemDataRole.AccessibleTextRole:
                opened = "open" if entry.id == self.open_id else ""
                return ", ".join(part for part in (entry.title, entry.line, opened) if part)
            case _:
                return None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        title = str(value).strip()
        entry = self.entries[index.row()]
        if title and title != entry.title:
            self.renamed.emit(entry.id, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable


class _Painter(QStyledItemDelegate):
    """Draws an entry; edits its title in its own line."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(120, HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rows = index.model()
        assert isinstance(rows, _Rows)
        entry, colours = rows.entries[index.row()], theme()
        is_open = entry.id == rows.open_id
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = option.rect.adjusted(1, 1, -1, -1)
        has_focus = bool(option.state & QStyle.StateFlag.State_HasFocus)
        is_under_mouse = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.setPen(QPen(QColor(colours.info), 2) if has_focus else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.surface[2]) if is_open or is_under_mouse else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, RADIUS_CONTROL, RADIUS_CONTROL)
        title, line = _lines(option.rect)
        font = QFont(option.font)
        font.setWeight(QFont.Weight.DemiBold if is_open else QFont.Weight.Normal)
        _write(painter, title, entry.title, font, colours.text[0 if is_open else 1])
        small = QFont(option.font)
        small.setPixelSize(SIZE_SMALL)
        _write(painter, line, entry.line, small, colours.text[2])
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = super().createEditor(parent, option, index)
        editor.setAccessibleName("Title")
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        editor.setGeometry(option.rect.adjusted(2, 8, -2, -8))

    def eventFilter(self, editor: QWidget, event: QEvent) -> bool:  # type: ignore[override]
        return keeps_escape(event) or super().eventFilter(editor, event)

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        model.setData(index, editor.property("text"))


def _lines(box: QRect) -> tuple[QRect, QRect]:
    """Where title and line stand."""
    inner = box.adjusted(GRID + 2, 6, -GRID, -6)
    half = inner.height() // 2
    return QRect(inner.left(), inner.top(), inner.width(), half), QRect(
        inner.left(), inner.top() + half, inner.width(), half
    )


def _write(painter: QPainter, box: QRect, text: str, font: QFont, colour: str) -> None:
    painter.setFont(font)
    painter.setPen(QColor(colour))
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, shown)
