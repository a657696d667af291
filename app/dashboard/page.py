"""What every page is: a title, a scrolling column of cards or content of its own, and how to check again."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, SignalInstance
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from app.link import Lost, Refused, Stopped
from app.store import Store
from app.tokens import GRID
from app.widgets.empty_state import EmptyState
from app.words import plain

WIDEST = 920
HEAD_HEIGHT = 4 * GRID
"""Of the line with a page's title, also where no button stands in it."""
QWIDGETSIZE_MAX = 16_777_215
WAITING = "hourglass"
"""The sign of what comes by itself: nothing has to be pressed then."""


class Page(QWidget):
    """A page of the window."""

    def recheck(self) -> None:
        """F5: look again at whatever this page shows; pages that are live anyway have nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._followed: Callable[[], None] | None = None
        self._is_late = False

    def follow(self, draw: Callable[[], None], *signals: SignalInstance) -> None:
        """Call `draw` (one per page) after each of these; out of sight that waits until the page comes into sight."""
        self._followed = draw
        for signal in signals:
            signal.connect(self._draw_or_wait)

    def _draw_or_wait(self) -> None:
        self._is_late = not self.isVisible()
        if self._followed is not None and not self._is_late:
            self._followed()

    def showEvent(self, event: QShowEvent) -> None:
        """Qt: it comes into sight."""
        super().showEvent(event)
        if self._is_late:
            self._draw_or_wait()

    @property
    def regions(self) -> Sequence[QWidget]:
        """What is read one after the other, each from top to bottom."""
        return (self,)

    def shown(self) -> None:
        """The page came to the front: the next Tab begins at its top, unless it knows a better place."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)


class CardPage(Page):
    """A page of cards in one scrolling column, with an empty state that can take its place."""

    def __init__(self) -> None:
        super().__init__()
        self.column = QVBoxLayout()
        self.column.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 3 * GRID)
        self.column.setSpacing(2 * GRID)
        self.empty, self._is_primary = EmptyState(), True
        self._stack = QStackedLayout(self)
        self.area = _scrolling(self.column)
        self._stack.addWidget(self.area)
        self._stack.addWidget(self.empty)

    def use_whole_width(self) -> None:
        """For tables: what is wide may be read."""
        content = self.area.widget()
        assert content is not None
        content.setMaximumWidth(QWIDGETSIZE_MAX)

    def show_cards(self) -> None:
        """The page is live."""
        self._is_primary = True
        self._stack.setCurrentIndex(0)

    def show_empty(self, glyph: str, title: str, text: str, action: str = "", *, tone: str = "") -> None:
        """Nothing yet, waiting, or broken: say so, with one action where there is one; `tone` colours the sign."""
        primary = self._is_primary and glyph != WAITING
        self.empty.show_words(glyph, title, text, action, primary=primary, tone=tone)
        self._stack.setCurrentIndex(1)

    @property
    def is_live(self) -> bool:
        """Whether the cards are shown."""
        return self._stack.currentIndex() == 0

    def show_absence(self, store: Store, stopped: str = "Start it to see and load models.") -> None:
        """There is no state to show: waiting for the engine, or why there is none. `stopped`: what starting it is for.

        The primary action is in the strip then; the one on the page says the same more quietly.
        """
        self._is_primary = False
        match store.link:
            case Refused(title=title, message=message, remedy=remedy):
                told = plain(f"{message}\n{remedy}".strip())
                self.show_empty("warning-circle", title, told, "Try again", tone="bad")
            case Stopped():
                self.show_empty("power", "The engine is stopped", stopped, "Start engine")
            case Lost():
                told = "Spark is starting it again."
                self.show_empty("arrow-clockwise", "The engine ended unexpectedly", told, tone="warn")
            case _:
                self.show_empty(WAITING, "Starting", "The engine is on its way; this takes a few seconds.")


def _scrolling(column: QVBoxLayout) -> QScrollArea:
    content = QWidget()
    content.setProperty("look", "window")
    content.setLayout(column)
    content.setMaximumWidth(WIDEST + 6 * GRID)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(content)
    return area
