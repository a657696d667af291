"""A waterfall: stretches of time one below the other, each with its word, its bar and how long it took."""

from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QBrush, QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import body_font, theme
from app.tokens import SIZE_SMALL, Theme

LANE, BAR = 24, 10
WORDS_WIDTH, LENGTH_WIDTH = 64, 250
LEAST = 2.0
"""Pixels of a bar, however short what it stands for is."""


class Stretch(Struct, frozen=True):
    """`start` and `length` in one unit; `colour` is a place in the theme's chart colours, -1 is waiting (hatched)."""

    word: str
    start: float
    length: float
    told: str
    colour: int = 0


class Waterfall(QWidget):
    """Every stretch has a lane of its own; the longest way through them fills the width."""

    told_as = QAccessible.Role.Chart

    def __init__(self, name: str) -> None:
        super().__init__()
        self._stretches: tuple[Stretch, ...] = ()
        self.setAccessibleName(name)
        self.setFont(body_font(self.font(), SIZE_SMALL))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """What it shows."""
        return self._stretches

    def show_stretches(self, stretches: Sequence[Stretch]) -> None:
        """Show these."""
        if tuple(stretches) != self._stretches:
            changed = len(stretches) != len(self._stretches)
            self._stretches = tuple(stretches)
            self.setAccessibleDescription(", ".join(f"{s.word} {s.told}" for s in stretches))
            if changed:
                self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Qt: the size it wants."""
        return QSize(WORDS_WIDTH + LENGTH_WIDTH + 120, LANE * max(1, len(self._stretches)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = theme()
        room = QRectF(WORDS_WIDTH, 0, max(1.0, self.width() - WORDS_WIDTH - LENGTH_WIDTH), LANE)
        whole = max((s.start + s.length for s in self._stretches), default=0.0)
        middle = Qt.AlignmentFlag.AlignVCenter
        for lane, stretch in enumerate(self._stretches):
            top = lane * LANE
            painter.setPen(QColor(colours.text[1]))
            painter.drawText(QRectF(0, top, WORDS_WIDTH, LANE), middle, stretch.word)
            lane_room = room.translated(0, top)
            _draw_track(painter, lane_room, colours)
            draw_stretch(painter, lane_room, stretch, whole, colours)
            painter.setPen(QColor(colours.text[1]))
            painter.drawText(QRectF(room.right() + 12, top, LENGTH_WIDTH - 12, LANE), middle, stretch.told)


def draw_stretch(painter: QPainter, room: QRectF, stretch: Stretch, whole: float, colours: Theme) -> None:
    """Draw the bar of one stretch of a `whole` into `room`, in the middle of its height."""
    if whole <= 0:
        return
    left = room.left() + room.width() * min(1.0, stretch.start / whole)
    width = max(LEAST, room.width() * stretch.length / whole)
    bar = QRectF(min(left, room.right() - LEAST), room.center().y() - BAR / 2, width, BAR)
    bar.setRight(min(bar.right(), room.right()))
    painter.setPen(Qt.PenStyle.NoPen)
    if stretch.colour < 0:
        painter.setBrush(QBrush(QColor(colours.text[2]), Qt.BrushStyle.BDiagPattern))
    else:
        painter.setBrush(QColor(colours.chart[stretch.colour]))
    painter.drawRoundedRect(bar, 2, 2)


def _draw_track(painter: QPainter, room: QRectF, colours: Theme) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colours.surface[2]))
    painter.drawRoundedRect(QRectF(room.left(), room.center().y() - BAR / 2, room.width(), BAR), 2, 2)
