"""A bar that shows shares of a whole: our own part filled, other programs' part hatched, the rest free."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QBrush, QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import theme


class Meter(QWidget):
    """`own` and `others` are shares 0..1 of the whole; the accessible description tells them in words."""

    told_as = QAccessible.Role.ProgressBar

    def __init__(self, name: str, width: int = 120, height: int = 8) -> None:
        super().__init__()
        self._own = self._others = 0.0
        self._size = QSize(width, height)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def shares(self) -> tuple[float, float]:
        """Own and others' share, 0..1."""
        return self._own, self._others

    def show_shares(self, own: float, others: float, words: str) -> None:
        """Show these shares; `words` says them for tooltip and screen reader."""
        own = min(max(own, 0.0), 1.0)
        others = min(max(others, 0.0), 1.0 - own)
        self.setToolTip(words)
        self.setAccessibleDescription(words)
        if (own, others) != (self._own, self._others):
            self._own, self._others = own, others
            self.update()

    def sizeHint(self) -> QSize:
        """Qt: the size it wants."""
        return self._size

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, box = theme(), QRectF(self.rect())
        pill = QPainterPath()
        pill.addRoundedRect(box, box.height() / 2, box.height() / 2)
        painter.setClipPath(pill)
        painter.fillRect(box, QColor(colours.surface[3]))
        own = max(box.width() * self._own, 2.0 if self._own else 0.0)
        others = QRectF(own, 0, box.width() * self._others, box.height())
        painter.fillRect(others, QBrush(QColor(colours.text[2]), Qt.BrushStyle.BDiagPattern))
        painter.fillRect(QRectF(0, 0, own, box.height()), QColor(colours.info))
