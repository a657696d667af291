"""Loads the code of pages and then makes those that nobody has opened yet, one by one: opening one is quick then."""

from PySide6.QtCore import QObject, QTimer

from app.dashboard.pages import PAGES
from app.dashboard.window import Window
from app.store import Store
from spark_engine.types.requests import is_active

SHOWN_MS, QUIET_MS, NEXT_MS = 300, 2000, 300
"""How long the window must have been in sight before code is loaded; how long it must have been quiet before pages are
made, and the pause after each page."""


class MakingAhead(QObject):
    """Code is loaded soon after the window is in sight. Pages are made while it is quiet: the engine answers and has
    nothing to do, and the window is in sight, for pages take memory."""

    def __init__(self, store: Store, window: Window) -> None:
        super().__init__(window)
        self._store, self._window = store, window
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._go_on)
        self._unloaded = list(PAGES)
        window.appeared.connect(self._load_soon)
        self._signals = (store.link_changed, store.requests_changed, window.appeared)
        for signal in self._signals:
            signal.connect(self._wait)

    def _load_soon(self) -> None:
        QTimer.singleShot(SHOWN_MS, self, self._load)

    def _load(self) -> None:
        if self._unloaded:
            self._unloaded.pop(0).load()
            QTimer.singleShot(0, self, self._load)

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
