"""Collates repaints: however often something changes, it is drawn at most about twenty times a second."""

from collections.abc import Callable
from time import perf_counter

from PySide6.QtCore import QObject, QTimer

SHORTEST_MS = 50
SHARE_OF_TIME = 0.2


class Repaint(QObject):
    """Calls `draw` soon after `request()`; many requests make one call.

    Where drawing is slow the pause grows, so that it never takes more than a fifth of the UI thread's time.
    """

    def __init__(self, draw: Callable[[], None], parent: QObject, interval_ms: int = SHORTEST_MS) -> None:
        super().__init__(parent)
        self._draw, self._interval = draw, interval_ms
        self._timer = QTimer(self, singleShot=True, interval=interval_ms)
        self._timer.timeout.connect(self._run)

    def request(self) -> None:
        """Draw within the interval."""
        if not self._timer.isActive():
            self._timer.start()

    def flush(self) -> None:
        """Draw now whatever was requested."""
        if self._timer.isActive():
            self._timer.stop()
            self._run()

    def _run(self) -> None:
        began = perf_counter()
        self._draw()
        took_ms = (perf_counter() - began) * 1000
        self._timer.setInterval(max(self._interval, round(took_ms / SHARE_OF_TIME)))
