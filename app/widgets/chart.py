"""A chart of one quantity over time: Spark's own share filled, the rest hatched, gaps left as gaps, values on hover."""

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence

from msgspec import Struct
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QAccessible,
    QBrush,
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import body_font, theme
from app.tokens import RADIUS_SMALL, SIZE_SMALL, Theme

HEAD, FOOT, GAP_LEFT, EDGE = 20, 20, 6, 4
_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}


class Frame(Struct, frozen=True):
    """What is shown: `length_s` seconds up to `until` (Unix seconds); points further apart than `gap_s` are not joined;
    `ticks` are words for places on the time axis, in seconds before `until`."""

    until: float
    length_s: float
    gap_s: float
    ticks: tuple[tuple[float, str], ...]


class Line(Struct, frozen=True):
    """Values at `times` (Unix seconds, rising); None is a gap. `own` is Spark's part of each value."""

    times: Sequence[float] = ()
    values: Sequence[float | None] = ()
    own: Sequence[float | None] | None = None


class Still(Struct, frozen=True):
    """What decides how the axes and the title look: as long as it stays, they are drawn once."""

    theme: str
    width: int
    height: int
    scale: float
    top: float
    ticks: tuple[tuple[float, str], ...]


class Chart(QWidget):
    """`words` says a value for people, `own` names the filled part; the name stands above unless there is a `title`.
    The scale begins at zero and ends at `top`, or where the highest value needs it.

    The pointer, or with the focus the arrow keys, choose a moment; its values stand in the head and are told to
    screen readers.
    """

    told_as = QAccessible.Role.Chart

    def __init__(
        self,
        name: str,
        words: Callable[[float], str],
        height: int = 128,
        *,
        title: str = "",
        own: str = "Spark",
    ) -> None:
        super().__init__()
        self._title, self._words, self._height, self._own = title or name, words, height, own
        self._frame, self._line, self._top, self._least = Frame(0.0, 60.0, 15.0, ()), Line(), 0.0, 1.0
        self._chosen: float | None = None
        self._still, self._still_of = QPixmap(), Still("", 0, 0, 0.0, 0.0, ())
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFont(body_font(self.font(), SIZE_SMALL))

    @property
    def line(self) -> Line:
        """What is shown."""
        return self._line

    @property
    def top(self) -> float:
        """The value at the upper end of the scale."""
        return self._top or _round_top(
            max((v for v in self._line.values if v is not None), default=0.0), self._least
        )

    def show_line(self, frame: Frame, line: Line, top: float = 0.0, least: float = 1.0) -> None:
        """Show values; without a `top` the scale ends at a round number, `least` or above."""
        self._frame, self._line, self._top, self._least = frame, line, top, least
        self._describe()
        self.update()

    @property
    def reading(self) -> str:
        """The chosen moment and its values; empty while none is chosen."""
        at = self._nearest()
        if at is None:
            return ""
        clock = time.strftime("%H:%M:%S", time.localtime(self._line.times[at]))
        value = self._line.values[at]
        said = "not known" if value is None else self._words(value)
        own = self._line.own[at] if self._line.own else None
        return f"{clock}  {said}" + (f", {self._own} {self._words(own)}" if own is not None else "")

    # --- choosing a moment ---------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Qt: the pointer moved."""
        plot = self._plot()
        share = (event.position().x() - plot.left()) / max(1.0, plot.width())
        self._choose(self._frame.until - self._frame.length_s * (1 - share) if 0 <= share <= 1.02 else None)

    def leaveEvent(self, event: QEvent) -> None:
        """Qt: the pointer left."""
        self._choose(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Qt: the focus left."""
        super().focusOutEvent(event)
        self._choose(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys move from value to value, Home and End to the oldest and the newest."""
        times, key = self._line.times, Qt.Key(event.key())
        if not times or key not in (*_STEPS, Qt.Key.Key_Home, Qt.Key.Key_End):
            super().keyPressEvent(event)
            return
        at = self._nearest()
        if key in _STEPS:
            to = len(times) - 1 if at is None else at + _STEPS[key]
        else:
            to = 0 if key == Qt.Key.Key_Home else len(times) - 1
        self._choose(times[min(max(to, 0), len(times) - 1)])

    def _choose(self, at: float | None) -> None:
        if at != self._chosen:
            self._chosen = at
            self._describe()
            self.update()

    def _nearest(self) -> int | None:
        times = self._line.times
        if self._chosen is None or not times:
            return None
        after = bisect_left(times, self._chosen)
        near = [at for at in (after - 1, after) if 0 <= at < len(times)]
        return min(near, key=lambda at: abs(times[at] - (self._chosen or 0.0)))

    def _describe(self) -> None:
        values = [v for v in self._line.values if v is not None]
        words = (
            f"now {self._words(values[-1])}, highest {self._words(max(values))}"
            if values
            else "no values yet"
        )
        said = self.reading or words
        if said != self.accessibleDescription():
            self.setAccessibleDescription(said)

    # --- drawing -------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """Qt: the size it wants."""
        return QSize(240, self._height)

    def minimumSizeHint(self) -> QSize:
        """Qt: the size it must have."""
        return QSize(140, self._height)

    def _plot(self) -> QRectF:
        left = self.fontMetrics().horizontalAdvance(self._words(self.top)) + GAP_LEFT + EDGE
        return QRectF(left, HEAD, max(10.0, self.width() - left - EDGE), self.height() - HEAD - FOOT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw."""
        colours, plot = theme(), self._plot()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPixmap(0, 0, self._still_part(colours, plot))
        self._draw_values(painter, plot, colours)
        if self.reading:
            painter.setPen(QColor(colours.text[0]))
            painter.drawText(_head(plot), Qt.AlignmentFlag.AlignRight, self.reading)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(colours.info), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_SMALL, RADIUS_SMALL)

    def _still_part(self, colours: Theme, plot: QRectF) -> QPixmap:
        """Axes and title: text takes longer to draw than the values, which change every second."""
        scale = self.devicePixelRatioF()
        now = Still(colours.name, self.width(), self.height(), scale, self.top, self._frame.ticks)
        if now != self._still_of:
            self._still = QPixmap(self.size() * scale)
            self._still.setDevicePixelRatio(scale)
            self._still.fill(Qt.GlobalColor.transparent)
            self._still_of = now
            painter = QPainter(self._still)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self.font())
            self._draw_axes(painter, plot, colours)
            painter.setPen(QColor(colours.text[1]))
            painter.drawText(_head(plot), Qt.AlignmentFlag.AlignLeft, self._title)
            painter.end()
        return self._still

    def _draw_axes(self, painter: QPainter, plot: QRectF, colours: Theme) -> None:
        for share in (0.0, 0.5, 1.0):
            y = plot.bottom() - plot.height() * share
            painter.setPen(QPen(QColor(colours.surface[3]), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            if share != 0.5:
                painter.setPen(QColor(colours.text[2]))
                box = QRectF(0, y - 8 + (4 if share else -4), plot.left() - GAP_LEFT, 16)
                painter.drawText(
                    box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._tick(share)
                )
        painter.setPen(QColor(colours.text[2]))
        for before, words in self._frame.ticks:
            x = plot.right() - plot.width() * before / self._frame.length_s
            width = self.fontMetrics().horizontalAdvance(words)
            place = min(max(x - width / 2, plot.left()), plot.right() - width)
            painter.drawText(QPointF(place, self.height() - 6), words)

    def _tick(self, share: float) -> str:
        return self._words(self.top * share) if share else "0"

    def _draw_values(self, painter: QPainter, plot: QRectF, colours: Theme) -> None:
        painter.setClipRect(plot.adjusted(-1, -2, 1, 1))
        for run in self._runs():
            points = self._points(run, self._line.values, plot)
            own = self._points(run, self._line.own, plot) if self._line.own else []
            whole = QBrush(QColor(colours.text[2]), Qt.BrushStyle.BDiagPattern)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setOpacity(0.55)
            painter.setBrush(whole if own else QColor(colours.info))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # the line covers its edge
            painter.drawPolygon(_down(points, plot.bottom()))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setOpacity(1.0)
            if own:
                painter.setBrush(QColor(colours.info))
                painter.drawPolygon(_down(own, plot.bottom()))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(colours.accent_edge), 1.5))
            painter.drawPolyline(QPolygonF(points))
            if len(points) == 1:
                painter.drawEllipse(points[0], 1.5, 1.5)
        at = self._nearest()
        if at is not None:
            painter.setPen(QPen(QColor(colours.text[1]), 1, Qt.PenStyle.DashLine))
            x = self._points(range(at, at + 1), self._line.values, plot)[0].x()
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        painter.setClipping(False)

    def _runs(self) -> list[range]:
        """Indices of values that belong together."""
        runs, begin = [], 0
        times, values = self._line.times, self._line.values
        for at in range(len(times) + 1):
            ends = (
                at == len(times)
                or values[at] is None
                or (at > begin and times[at] - times[at - 1] > self._frame.gap_s)
            )
            if ends:
                if at > begin:
                    runs.append(range(begin, at))
                begin = at + 1 if at < len(times) and values[at] is None else at
        return runs

    def _points(self, run: range, values: Sequence[float | None], plot: QRectF) -> list[QPointF]:
        right, bottom, until = plot.right(), plot.bottom(), self._frame.until
        across, up = plot.width() / self._frame.length_s, plot.height() / (self.top or 1.0)
        pairs = zip(self._line.times[run.start : run.stop], values[run.start : run.stop], strict=True)
        return [QPointF(right - (until - at) * across, bottom - (value or 0.0) * up) for at, value in pairs]


def _head(plot: QRectF) -> QRectF:
    """Where the title stands, and what is read."""
    return QRectF(plot.left(), 2, plot.width() - 2, HEAD)


def _down(points: list[QPointF], bottom: float) -> QPolygonF:
    """The area between points and the zero line."""
    return QPolygonF([QPointF(points[0].x(), bottom), *points, QPointF(points[-1].x(), bottom)])


def _round_top(highest: float, least: float) -> float:
    """1, 2 or 5 times a power of ten above the highest value."""
    top = least
    while top < highest:
        for factor in (2.0, 2.5, 2.0):
            top *= factor
            if top >= highest:
                break
    return top
