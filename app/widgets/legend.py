"""What the two tones of meters and charts mean: filled is one's own, hatched is all the rest."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QBrush, QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import body_font, theme
from app.tokens import GRID, SIZE_SMALL

SAMPLE = 14


class Legend(QWidget):
    """A sample of each tone with its word."""

    told_as = QAccessible.Role.StaticText

    def __init__(self, own: str, others: str) -> None:
        super().__init__()
        self._words = (own, others)
        self.setFont(body_font(self.font(), SIZE_SMALL))
        self.setAccessibleName(f"Filled: {own}; hatched: {others}")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Qt: the size it wants."""
        widths = [self.fontMetrics().horizontalAdvance(word) for word in self._words]
        return QSize(sum(widths) + 2 * (SAMPLE + GRID) + 2 * GRID, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw."""
        painter, colours, left = QPainter(self), theme(), 0.0
        tones = (QBrush(QColor(colours.info)), QBrush(QColor(colours.text[2]), Qt.BrushStyle.BDiagPattern))
        for word, tone in zip(self._words, tones, strict=True):
            painter.fillRect(QRectF(left, 6, SAMPLE, 8), QColor(colours.surface[3]))
            painter.fillRect(QRectF(left, 6, SAMPLE, 8), tone)
            left += SAMPLE + GRID * 0.75
            painter.setPen(QColor(colours.text[1]))
            width = self.fontMetrics().horizontalAdvance(word)
            box = QRectF(left, 0, width + 2, self.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, word)
            left += width + 2 * GRID
