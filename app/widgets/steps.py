"""Four steps in a row and where something stands among them: a button that opens what is behind it."""

from msgspec import Struct
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy

from app.theme import body_font, theme
from app.tokens import GRID, RADIUS_SMALL, SIZE_SMALL
from app.widgets.chip import draw_mark

COUNT, DOT, GAP = 4, 10.0, 9.0
HEIGHT, WIDTH = 28, 206


class Steps(Struct, frozen=True):
    """`reached` of the four steps, the `word` for that and its `tone`. `failed`: the next step was tried in vain;
    `active`: it is being tried; `skipped`: the last step was reached without the one before."""

    word: str
    tone: str
    reached: int
    failed: bool = False
    active: bool = False
    skipped: bool = False


class StepsButton(QAbstractButton):
    """Shows steps; a press opens the evidence."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self._steps = name, Steps("", "quiet", 0)
        self.setFont(body_font(self.font(), SIZE_SMALL))
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip("Show the evidence")

    @property
    def steps(self) -> Steps:
        """What it shows."""
        return self._steps

    def show_steps(self, steps: Steps) -> None:
        """Show where it stands now."""
        self.setAccessibleName(f"{self._name}: {steps.word}, step {steps.reached} of {COUNT}. Evidence")
        if steps != self._steps:
            self._steps = steps
            self.update()

    def sizeHint(self) -> QSize:
        """Qt: the size it wants."""
        return QSize(WIDTH, HEIGHT)

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        self.update()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Qt: the pointer came."""
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Qt: the pointer left."""
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Qt: draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_ground(painter)
        for place in range(COUNT):
            self._draw_step(painter, place)
        painter.setPen(QColor(theme().text[0 if self._steps.reached else 2]))
        left = GRID + COUNT * (DOT + GAP)
        words = QRectF(left, 0, self.width() - left - GRID, self.height())
        shown = self.fontMetrics().elidedText(
            self._steps.word, Qt.TextElideMode.ElideRight, int(words.width())
        )
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

    def _draw_ground(self, painter: QPainter) -> None:
        colours = theme()
        ground = colours.surface[2] if self.isChecked() or self.underMouse() else None
        painter.setPen(QPen(QColor(colours.info), 2) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ground) if ground else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_SMALL, RADIUS_SMALL)

    def _draw_step(self, painter: QPainter, place: int) -> None:
        steps, colours = self._steps, theme()
        left, middle = GRID + place * (DOT + GAP), self.height() / 2
        box = QRectF(left, middle - DOT / 2, DOT, DOT)
        reached = place < steps.reached and not (steps.skipped and place == COUNT - 2)
        tone = QColor(colours.tone(steps.tone if reached else "quiet"))
        if place:
            painter.setPen(QPen(tone if reached else QColor(colours.surface[3]), 2))
            painter.drawLine(QPointF(left - GAP + 1, middle), QPointF(left - 1, middle))
        if steps.failed and place == steps.reached:
            draw_mark(painter, box.adjusted(1, 1, -1, -1), "cross", QColor(colours.bad))
        elif steps.active and place == steps.reached:
            draw_mark(painter, box, "half", QColor(colours.info))
        else:
            draw_mark(painter, box, "disc" if reached else "ring", tone)
