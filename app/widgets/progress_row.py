"""Progress of something in the background: a bar, what is being done, and cancel where that is possible."""

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QAccessible, QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.theme import theme
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.text import ElidedLabel


class ProgressBar(QWidget):
    """A thin bar, `fraction` 0..1."""

    told_as = QAccessible.Role.ProgressBar

    def __init__(self) -> None:
        super().__init__()
        self._fraction, self._moving = 0.0, True
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_fraction(self, fraction: float, *, moving: bool = True) -> None:
        """Fill it so far; in a quiet colour while nothing is `moving`."""
        self._moving = moving
        self._fraction = min(max(fraction, 0.0), 1.0)
        self.setAccessibleDescription(f"{self._fraction:.0%}")
        self.update()

    def sizeHint(self) -> QSize:
        """Qt: the size it wants."""
        return QSize(120, 6)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, box = theme(), QRectF(self.rect())
        pill = QPainterPath()
        pill.addRoundedRect(box, 3, 3)
        painter.setClipPath(pill)
        painter.fillRect(box, QColor(colours.surface[3]))
        painter.fillRect(
            QRectF(0, 0, box.width() * self._fraction, box.height()),
            QColor(colours.info if self._moving else colours.text[2]),
        )


class ProgressRow(QWidget):
    """Bar, percentage and step; `cancelled` when [Cancel] is pressed (shown only with a `cancel_name`)."""

    cancelled = Signal()

    def __init__(self, cancel_name: str = "") -> None:
        super().__init__()
        self._bar, self._step = ProgressBar(), ElidedLabel(look="small")
        self._cancel = Button("Cancel", "x", "plain", name=cancel_name or "Cancel")
        self._cancel.clicked.connect(self.cancelled)
        words = QWidget()
        column = QVBoxLayout(words)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self._step)
        column.addWidget(self._bar)
        outer = row(words, self._cancel)
        outer.setStretch(0, 1)
        self.setLayout(outer)
        self._cancel.setVisible(bool(cancel_name))

    def show_progress(self, fraction: float, step: str) -> None:
        """`fraction` 0..1 and what is being done in a few words."""
        self._bar.setAccessibleName(step or "Progress")
        self._bar.show_fraction(fraction)
        self._step.show_whole(f"{step}, {fraction:.0%}" if step else f"{fraction:.0%}")
