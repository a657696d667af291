"""A state in three ways at once: colour, shape and word."""

from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QAccessible, QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import body_font, theme
from app.tokens import GRID, SIZE_SMALL, mixed

Shape = Literal["disc", "ring", "half", "target", "triangle", "cross", "dash", "check", "arrow", "bars"]
MARK = 10.0


class Chip(QWidget):
    """A pill: a shape and a word in one tone (`ok`, `warn`, `bad`, `info`, `quiet`). A `bare` one has no ground."""

    told_as = QAccessible.Role.StaticText

    def __init__(
        self,
        word: str = "",
        tone: str = "quiet",
        shape: Shape = "ring",
        *,
        bare: bool = False,
        small: bool = False,
    ) -> None:
        super().__init__()
        if small:
            self.setFont(body_font(self.font(), SIZE_SMALL))
        self._word, self._tone, self._shape, self._bare, self._small = word, tone, shape, bare, small
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(word)

    @property
    def word(self) -> str:
        """The word it shows."""
        return self._word

    def show_state(self, word: str, tone: str, shape: Shape) -> None:
        """Show another state."""
        if (word, tone, shape) != (self._word, self._tone, self._shape):
            self._word, self._tone, self._shape = word, tone, shape
            self.setAccessibleName(word)
            self.updateGeometry()
            self.update()

    def tell(self, detail: str) -> None:
        """What stands behind it, for whoever looks closer."""
        self.setToolTip(detail)
        self.setAccessibleDescription(detail)

    def sizeHint(self) -> QSize:
        """Qt: the size it wants."""
        width = self.fontMetrics().horizontalAdvance(self._word) + MARK + 8
        return QSize(round(width + (0 if self._bare else 2.5 * GRID)), 20 if self._small else 26)

    def minimumSizeHint(self) -> QSize:
        """Qt: the size it must have."""
        return self.sizeHint()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = theme()
        tone = colours.tone(self._tone)
        left = 0.0
        if not self._bare:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(mixed(tone, colours.surface[1], 0.12)))
            painter.drawRoundedRect(QRectF(self.rect()), self.height() / 2, self.height() / 2)
            left = GRID + 2
        draw_mark(painter, QRectF(left, (self.height() - MARK) / 2, MARK, MARK), self._shape, QColor(tone))
        painter.setPen(QColor(colours.text[0] if not self._bare else colours.text[1]))
        text = QRectF(left + MARK + 7, 0, self.width(), self.height())
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._word)


def draw_mark(painter: QPainter, box: QRectF, shape: Shape, colour: QColor) -> None:
    """Draw one of the shapes of state into `box`."""
    painter.setPen(QPen(colour, 2, c=Qt.PenCapStyle.RoundCap, j=Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(colour if shape in ("disc", "triangle") else Qt.BrushStyle.NoBrush)
    inner = box.adjusted(1, 1, -1, -1)
    match shape:
        case "disc" | "ring":
            painter.drawEllipse(inner)
        case "half":
            painter.drawEllipse(inner)
            painter.setBrush(colour)
            painter.drawChord(inner, 90 * 16, 180 * 16)
        case "triangle":
            top = QPointF(inner.center().x(), inner.top())
            painter.drawPolygon(QPolygonF([top, inner.bottomRight(), inner.bottomLeft()]))
        case "target":
            painter.drawEllipse(inner)
            painter.setBrush(colour)
            painter.drawEllipse(inner.center(), 0.6, 0.6)
        case _:
            painter.drawLines(_strokes(inner, shape))


def _strokes(box: QRectF, shape: Shape) -> list[QPointF]:
    """Pairs of points for the shapes that are lines only."""
    middle = box.center()
    match shape:
        case "cross":
            return [box.topLeft(), box.bottomRight(), box.topRight(), box.bottomLeft()]
        case "check":
            low = QPointF(box.left() + 3, box.bottom() - 1)
            return [QPointF(box.left(), middle.y() + 1), low, low, QPointF(box.right(), box.top() + 1)]
        case "arrow":
            low, left, right = (QPointF(middle.x() + x, box.bottom() - abs(x)) for x in (0, -3, 3))
            return [QPointF(middle.x(), box.top()), low, left, low, low, right]
        case "bars":
            ends = (box.top() + 0.5, box.bottom() - 0.5)
            return [QPointF(middle.x() + x, y) for x in (-2, 2) for y in ends]
        case _:
            return [QPointF(box.left(), middle.y()), QPointF(box.right(), middle.y())]
