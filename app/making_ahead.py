"""Makes the pages that nobody has opened yet, one by one while it is quiet: opening one is quick then."""

from PySide6.QtCore import QObject, QTimer

from app.dashboard.window import Window
from app.store import Store
from spark_engine.types.requests import is_active

QUIET_MS, NEXT_MS = 2000, 300
"""How long it must have been quiet, and the pause after each page."""


class MakingAhead(QObject):
    """Quiet: the engine answers and has nothing to do, and the window is in sight, for pages take memory."""

    def __init__(self, store: Store, window: Window) -> None:
        super().__init__(window)
        self._store, self._window = store, window
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._go_on)
        self._signals = (store.link_changed, store.requests_changed, window.appeared)
        for signal in self._signals:
            signal.connect(self._wait)

    def _wait(self) -> None:
        if not self._is_quiet():
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start(QUIET_MS)

    def _go_on(self) -> None:
        if not self._is_quiet():
            return
        if self._window.make_ahead():
            self._timer.start(NEXT_MS)
        else:
            for signal in self._signals:
                signal.disconnect(self._wait)

    def _is_quiet(self) -> bool:
        state = self._store.live
        in_sight = self._window.isVisible() and not self._window.isMinimized()
        return in_sight and state is not None and not any(map(is_active, state.requests.values()))
