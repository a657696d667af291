"""The load of every core as a row of thin bars; the pointer tells one core's load and frequency."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.theme import theme

HEIGHT, GAP, WIDEST = 36, 2.0, 22.0


class CoreBars(QWidget):
    """`loads` are 0..1, `told` a sentence for each core."""

    told_as = QAccessible.Role.Chart

    def __init__(self, name: str) -> None:
        super().__init__()
        self._loads: Sequence[float] = ()
        self._told: Sequence[str] = ()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def loads(self) -> Sequence[float]:
        """What is shown."""
        return self._loads

    def show_loads(self, loads: Sequence[float], told: Sequence[str]) -> None:
        """Show these loads."""
        self._loads, self._told = loads, told
        if loads:
            busiest = max(range(len(loads)), key=lambda at: loads[at])
            self.setAccessibleDescription(f"{len(loads)} cores; the busiest: {told[busiest]}")
        self.update()

    def sizeHint(self) -> QSize:
        """Qt: the size it wants."""
        return QSize(200, HEIGHT)

    def event(self, event: QEvent) -> bool:
        """Qt: anything; a tooltip is that of the core under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self._loads:
            at = int(event.pos().x() / self._pitch())
            QToolTip.showText(event.globalPos(), self._told[at] if at < len(self._told) else "", self)
            return True
        return super().event(event)

    def _pitch(self) -> float:
        return min(WIDEST + GAP, (self.width() + GAP) / max(1, len(self._loads)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw."""
        painter, colours, pitch = QPainter(self), theme(), self._pitch()
        painter.setPen(Qt.PenStyle.NoPen)
        gap = GAP if pitch > 3 * GAP else 1.0
        for at, load in enumerate(self._loads):
            whole = QRectF(at * pitch, 0, max(1.0, pitch - gap), self.height())
            painter.fillRect(whole, QColor(colours.surface[2]))
            filled = whole.height() * min(max(load, 0.0), 1.0)
            painter.fillRect(
                QRectF(whole.left(), whole.bottom() - filled, whole.width(), filled), QColor(colours.chart[4])
            )
