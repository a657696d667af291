"""A conversation as a scrolling column that stays fast: only what changed is measured, and it follows the end."""

from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.tokens import GRID
from app.widgets.message import Answer, Question

WIDEST = 760
GAP = 2 * GRID
NEAR_END = 24
Message = Question | Answer


class Transcript(QScrollArea):
    """Messages one below the other, at most 760 px wide. While the end is in sight, it stays in sight."""

    scrolled_away = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Conversation")
        self._column = QWidget()
        self._column.setProperty("look", "window")
        self.setWidget(self._column)
        self._messages: list[Message] = []
        self._heights: list[int] = []
        self._width = 0
        self._follow = True
        self._refit = QTimer(self, singleShot=True, interval=30)
        self._refit.timeout.connect(self.refit)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    @property
    def messages(self) -> list[Message]:
        """The messages, oldest first."""
        return list(self._messages)

    def add(self, message: Message) -> None:
        """Put one more message at the end and show it."""
        message.setParent(self._column)
        self._messages.append(message)
        self._heights.append(0)
        if isinstance(message, Answer):
            message.grown.connect(lambda: self._grown(message))
        message.show()
        self._follow = True
        self._measure(len(self._messages) - 1)

    def remove_last(self) -> None:
        """Take the last message away."""
        message = self._messages.pop()
        self._heights.pop()
        message.hide()
        message.deleteLater()
        self._place(len(self._messages))

    def clear(self) -> None:
        """Take every message away."""
        while self._messages:
            self.remove_last()

    def go_to_end(self) -> None:
        """Show the newest text and follow it."""
        self._follow = True
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
        self.scrolled_away.emit(False)

    def refit(self) -> None:
        """Measure everything anew: the width, font or theme changed."""
        self._width = self._usable()
        for at, message in enumerate(self._messages):
            self._heights[at] = message.fit(self._width)
        self._place(0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: the size changed."""
        super().resizeEvent(event)
        if self._usable() != self._width:
            self._refit.start()
        self._place(0)

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_refit"):
            self._refit.start()

    def _usable(self) -> int:
        return max(min(self.viewport().width() - 6 * GRID, WIDEST), 200)

    def _grown(self, message: Message) -> None:
        if message in self._messages:
            self._measure(self._messages.index(message))

    def _measure(self, at: int) -> None:
        self._width = self._width or self._usable()
        self._heights[at] = self._messages[at].fit(self._width)
        self._place(at)

    def _place(self, first: int) -> None:
        """Put every message from `first` on where it belongs; those above did not move."""
        left = (self.viewport().width() - self._width) // 2
        top = GAP + sum(self._heights[:first]) + GAP * first
        for message, height in zip(self._messages[first:], self._heights[first:], strict=True):
            message.setGeometry(left, top, self._width, height)
            top += height + GAP
        self._column.resize(self.viewport().width(), max(top + GAP, self.viewport().height()))
        if self._follow:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    def _scrolled(self, value: int) -> None:
        near = self.verticalScrollBar().maximum() - value <= NEAR_END
        if near != self._follow:
            self._follow = near
            self.scrolled_away.emit(not near)
