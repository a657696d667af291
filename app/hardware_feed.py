"""Keeps readings coming while the Hardware page is in sight, and fetches what the engine remembers of a span."""

import asyncio
import time

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.actions import Actions
from app.asking import Inquiry
from spark_engine.types.hardware import HardwareHistory, Span

WATCH_EVERY_MS = 10_000
FETCH_EVERY_S: dict[Span, float] = {"minute": 0.0, "hour": 10.0, "day": 120.0}


class HardwareFeed(QObject):
    """`fetched` carries a `HardwareHistory`. The engine reads often only while it is told that somebody looks."""

    fetched = Signal(object)

    def __init__(self, actions: Actions, page: QWidget) -> None:
        super().__init__(page)
        self._actions, self._page = actions, page
        self._watching, self._history = Inquiry(self), Inquiry(self)
        self._history.answered.connect(self._take)
        self._timer = QTimer(self, interval=WATCH_EVERY_MS)
        self._timer.timeout.connect(self._go_on)
        self._span: Span = "minute"
        self._fetched_at = 0.0

    @property
    def is_running(self) -> bool:
        """Whether readings are asked for."""
        return self._timer.isActive()

    def start(self) -> None:
        """The page is in sight."""
        if not self._timer.isActive():
            self._timer.start()
            self.refresh()

    def stop(self) -> None:
        """The page is out of sight."""
        self._timer.stop()

    def show_span(self, span: Span) -> None:
        """Fetch this span from now on."""
        self._span = span
        self.refresh()

    def refresh(self) -> None:
        """Ask for readings and for the span at once."""
        self._fetched_at = 0.0
        self._go_on()

    def _go_on(self) -> None:
        """A failure is silent: the page shows whether the engine is there, and it is asked again."""
        if not (self._timer.isActive() and _can_ask()) or self._page.window().isMinimized():
            return
        self._watching.ask(self._actions.client.watch_hardware, "watch hardware")
        every, age = FETCH_EVERY_S[self._span], time.monotonic() - self._fetched_at
        if not self._fetched_at or (every and age >= every - 1):
            self._fetched_at = time.monotonic()
            span = self._span
            self._history.ask(lambda: self._actions.client.hardware_history(span), "hardware history")

    def _take(self, history: object) -> None:
        if isinstance(history, HardwareHistory):
            self.fetched.emit(history)


def _can_ask() -> bool:
    """Whether the app runs: before and after that there is nobody to carry a question."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
