"""A conversation as a scrolling column that stays fast: only messages in sight exist, only what changed is measured."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from msgspec import Struct
from PySide6.QtCore import QEvent, QTimer, Signal
from PySide6.QtGui import QAccessible, QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from app.tokens import GRID
from app.widgets.message import EDGE, FOOT_OVERLAP, Answer, Question

WIDEST = 760
GAP = 2 * GRID
NEAR_END = 24
ROUNDS = 8
"""Measuring moves what is in sight; after so many tries it is left as it is."""
LETTER_WIDTH, LINE_HEIGHT, AROUND = 6.5, 20, 44
"""For guessing the height of what was not measured (px)."""
Message = Question | Answer


class Entry(Struct, frozen=True):
    """A message that could be shown: what it is made from, and how long its text is about."""

    key: Any
    letters: int


class _Row:
    """An entry with its height, which is a guess until it was measured; `message` while it is near what is seen."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.message: Message | None = None
        self.height, self.is_measured = 0, False


class Transcript(QScrollArea):
    """Messages one below the other, at most 760 px wide. While the end is in sight, it stays in sight; otherwise what
    is in sight stays where it is. `make` gives the message of a key, `arranged` says that there are other ones.
    """

    told_as = QAccessible.Role.Pane

    scrolled_away = Signal(bool)
    arranged = Signal()

    def __init__(self, make: Callable[[Any], Message], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Conversation")
        self._make = make
        self._column = QWidget()
        self._column.setProperty("look", "window")
        self.setWidget(self._column)
        self._rows: list[_Row] = []
        self._width, self._follow, self._is_arranging = 0, True, False
        self._refit = QTimer(self, singleShot=True, interval=30)
        self._refit.timeout.connect(self.refit)
        self._idle = QTimer(self, singleShot=True, interval=0)
        self._idle.timeout.connect(self._prepare)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    @property
    def messages(self) -> list[Message]:
        """The messages that exist now, oldest first."""
        return [row.message for row in self._rows if row.message is not None]

    def message(self, key: Any) -> Message | None:
        """The message made from `key`, while it exists."""
        return next((row.message for row in self._rows if row.entry.key == key), None)

    def show_entries(self, entries: Sequence[Entry], *, to_end: bool = False) -> None:
        """Show these; messages of entries that stay are kept. `to_end`: go to the end and follow it."""
        before = {row.entry.key: row for row in self._rows}
        self._rows = [before.pop(e.key) if e.key in before else _Row(e) for e in entries]
        for row in before.values():
            self._drop(row)
        self._guess_heights()
        if to_end:
            self.go_to_end()
        else:
            self._arrange()

    def renew(self, key: Any) -> None:
        """What the message of `key` was made from is another now: make it anew."""
        for row in self._rows:
            if row.entry.key == key:
                self._drop(row)
        self._arrange()

    def go_to_end(self) -> None:
        """Show the newest text and follow it."""
        self._follow = True
        self._arrange()
        self.scrolled_away.emit(False)

    def refit(self) -> None:
        """Measure everything anew: the width, font or theme changed."""
        anchor = self._anchor()
        self._width = self._usable()
        for row in self._rows:
            row.is_measured = False
        self._guess_heights()
        self._arrange(anchor=anchor)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: the size changed."""
        super().resizeEvent(event)
        if self._usable() != self._width:
            self._refit.start()
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_refit"):
            self._refit.start()

    # --- where everything is -------------------------------------------------------------------------------

    def _usable(self) -> int:
        return max(min(self.viewport().width() - 6 * GRID, WIDEST), 200)

    def _tops(self) -> list[int]:
        """Where each row begins, and where one more would (px)."""
        return list(accumulate((row.height + GAP for row in self._rows), initial=GAP))

    def _guess_heights(self) -> None:
        self._width = self._width or self._usable()
        for row in self._rows:
            if not row.is_measured:
                lines = 1 + round(row.entry.letters * LETTER_WIDTH / self._width)
                row.height = lines * LINE_HEIGHT + AROUND

    def _arrange(self, margin: int = 0, anchor: tuple[int, int] | None = None) -> None:
        """Make what is in sight, or within `margin` of it, and place everything; `anchor` stays unless the end does."""
        if self._is_arranging:
            return
        self._is_arranging = True
        try:
            anchor = None if self._follow else anchor or self._anchor()
            for _ in range(ROUNDS):
                tops = self._tops()
                self._scroll(tops, anchor)
                if not self._fill(tops, margin):
                    break
            self._place(self._tops())
            self._scroll(self._tops(), anchor)
        finally:
            self._is_arranging = False
        if not margin:
            self._idle.start()

    def _anchor(self) -> tuple[int, int]:
        """The first message in sight, else the row that should be there, and how far its top is from the upper edge."""
        upper, tops = self.verticalScrollBar().value(), self._tops()
        lower = upper + self.viewport().height()
        for at, row in enumerate(self._rows):
            one = row.message
            if one is not None and row.is_measured and one.y() < lower and one.y() + one.height() > upper:
                return at, one.y() - upper
        at = next((at for at, row in enumerate(self._rows) if tops[at] + row.height > upper), 0)
        return at, tops[at] - upper

    def _scroll(self, tops: list[int], anchor: tuple[int, int] | None) -> None:
        bar = self.verticalScrollBar()
        self._column.resize(self.viewport().width(), max(tops[-1], self.viewport().height()))
        if anchor is None:
            bar.setValue(bar.maximum())
        elif anchor[0] < len(self._rows):
            bar.setValue(tops[anchor[0]] - anchor[1])

    def _sight(self, tops: list[int], margin: int) -> list[_Row]:
        """The rows within `margin` of what is in sight."""
        upper = self.verticalScrollBar().value() - margin
        lower = upper + self.viewport().height() + 2 * margin
        return [
            row
            for row, top in zip(self._rows, tops, strict=False)
            if top < lower and top + row.height > upper
        ]

    def _fill(self, tops: list[int], margin: int) -> bool:
        """Make and measure; whether anything was."""
        wanted = self._sight(tops, margin)
        if margin:
            wanted += [row for row in self._rows if row.message is not None and not row.is_measured]
        missing = [row for row in wanted if row.message is None or not row.is_measured]
        for row in missing:
            self._measure(row)
        return bool(missing)

    def _measure(self, row: _Row) -> None:
        if row.message is None:
            row.message = self._make(row.entry.key)
            row.message.setParent(self._column)
            if isinstance(row.message, Answer):
                row.message.grown.connect(lambda: self._grown(row))
            row.message.show()
        row.height, row.is_measured = row.message.fit(self._width), True

    def _place(self, tops: list[int]) -> None:
        left = (self.viewport().width() - self._width) // 2 - EDGE
        for row, top in zip(self._rows, tops, strict=False):
            if row.message is not None:
                row.message.setGeometry(left, top, self._width + EDGE, row.height + FOOT_OVERLAP)

    # --- what happens --------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """When there is time: what is a page away is made, what is farther than three goes."""
        view = self.viewport().height()
        before = len(self.messages)
        self._arrange(view)
        near = set(map(id, self._sight(self._tops(), 3 * view)))
        for row in self._rows[:-1]:
            if row.message is not None and id(row) not in near and not _is_used(row.message):
                self._drop(row)
        if len(self.messages) != before:
            self.arranged.emit()

    def _drop(self, row: _Row) -> None:
        if row.message is not None:
            row.message.hide()
            row.message.deleteLater()
            row.message = None

    def _grown(self, row: _Row) -> None:
        if row in self._rows and row.message is not None:
            row.height, row.is_measured = row.message.fit(self._width), True
            self._arrange()

    def _scrolled(self, value: int) -> None:
        if self._is_arranging:
            return
        near = self.verticalScrollBar().maximum() - value <= NEAR_END
        if near != self._follow:
            self._follow = near
            self.scrolled_away.emit(not near)
        self._arrange()


def _is_used(message: QWidget) -> bool:
    """Whether somebody is in it with the keyboard."""
    focused = message.window().focusWidget()
    return focused is not None and message.isAncestorOf(focused)
