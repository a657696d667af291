"""How cells of the requests table are drawn: a state with its shape, and where the time went as a bar."""

import time

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.request_rows import ENTRY, STATE, TIME
from app.request_words import STAGE_WORDS, Stage, StageKind, mark_of, stages
from app.theme import theme
from app.tokens import GRID
from app.widgets.chip import MARK, draw_mark
from app.widgets.waterfall import Stretch, draw_stretch
from app.words import duration
from spark_engine.types.requests import RequestEntry

ROW_HEIGHT = 36
TOTAL_WIDTH = 72
COLOURS: dict[StageKind, int] = {"load": 3, "queue": -1, "prefill": 1, "decode": 4, "rest": 5}
_Index = QModelIndex | QPersistentModelIndex


class RequestCells(QStyledItemDelegate):
    """Everything else is drawn as any text."""

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Qt: the size a cell wants."""
        return QSize(super().sizeHint(option, index).width(), ROW_HEIGHT)

    def initStyleOption(self, option: QStyleOptionViewItem, index: _Index) -> None:
        """Qt: what the style is told; the row as a whole shows the focus."""
        super().initStyleOption(option, index)
        option.state &= ~QStyle.StateFlag.State_HasFocus
        if index.column() in (STATE, TIME):
            option.text = ""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Qt: draw a cell."""
        super().paint(painter, option, index)
        entry = index.data(ENTRY)
        if not isinstance(entry, RequestEntry) or index.column() not in (STATE, TIME):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = QRectF(option.rect).adjusted(GRID, 0, -GRID, -3)
        if index.column() == STATE:
            _draw_state(painter, room, entry, index.data())
        else:
            _draw_time(painter, room, entry, index.data())
        painter.restore()


def _draw_state(painter: QPainter, room: QRectF, entry: RequestEntry, words: str) -> None:
    tone, shape = mark_of(entry)
    colours = theme()
    box = QRectF(room.left(), room.center().y() - MARK / 2, MARK, MARK)
    draw_mark(painter, box, shape, QColor(colours.tone(tone)))
    painter.setPen(QColor(colours.text[0]))
    _draw_text(painter, room.adjusted(MARK + GRID, 0, 0, 0), words, Qt.AlignmentFlag.AlignLeft)


def _draw_time(painter: QPainter, room: QRectF, entry: RequestEntry, total: str) -> None:
    """The stages one behind the other in one bar, then the whole time."""
    colours, found = theme(), stages(entry, time.time())
    whole = sum(stage.length for stage in found)
    bar = room.adjusted(0, 0, -TOTAL_WIDTH, 0)
    for stage in found:
        draw_stretch(painter, bar, stretch(stage), whole, colours)
    painter.setPen(QColor(colours.text[1]))
    _draw_text(painter, room, total, Qt.AlignmentFlag.AlignRight)


def _draw_text(painter: QPainter, room: QRectF, words: str, side: Qt.AlignmentFlag) -> None:
    fitting = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, round(room.width()))
    painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | side, fitting)


def stretch(stage: Stage) -> Stretch:
    """A stage as something to draw."""
    told = duration(stage.length) + (f", {stage.note}" if stage.note else "")
    return Stretch(STAGE_WORDS[stage.kind], stage.start, stage.length, told, COLOURS[stage.kind])
