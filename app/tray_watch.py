"""Whether a tray is to be expected: at login the desktop's own is often there only after the programs it starts."""

import os
import sys

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QGuiApplication

from app.old_tray import has_old_tray

WATCHER = "org.kde.StatusNotifierWatcher"
PATIENCE_MS, OLD_TRAY_MS = 10_000, 1000
"""How long a tray on the session bus is waited for, and how long where there is one of the old kind."""


class TrayWatch(QObject):
    """`settled`, once: a tray is there, or will not come. `moved`: the desktop's tray came or went.

    Qt decides once per process which kind of tray it uses, when it is first asked; so nobody may ask it before.
    """

    settled = Signal()
    moved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._settle)
        self._is_settled = False
        self.by_bus = False
        """Whether Qt is going to speak with the tray over the session bus."""

    def start(self, *, patient: bool) -> None:
        """Begin to watch. Only who is `patient` waits for a tray that is not there yet."""
        there = self._watch() if _has_bus() else True
        if there or not patient:
            self._settle()
        else:
            on_x = QGuiApplication.platformName() == "xcb"
            self._timer.start(OLD_TRAY_MS if on_x and has_old_tray() else PATIENCE_MS)

    def _watch(self) -> bool:
        """Follow the desktop's tray; whether it is there, or nobody can tell."""
        from PySide6.QtDBus import QDBusConnection, QDBusServiceWatcher

        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return True
        mode = QDBusServiceWatcher.WatchModeFlag.WatchForOwnerChange
        QDBusServiceWatcher(WATCHER, bus, mode, self).serviceOwnerChanged.connect(self._moved)
        self.by_bus = bool(bus.interface().isServiceRegistered(WATCHER).value())
        return self.by_bus

    def _moved(self, *_: object) -> None:
        if self._is_settled:
            self.moved.emit()
        else:
            self.by_bus = True
            self._settle()

    def _settle(self) -> None:
        self._timer.stop()
        if not self._is_settled:
            self._is_settled = True
            self.settled.emit()


def _has_bus() -> bool:
    """Whether this is a desktop whose tray could be found on the session bus."""
    on_screen = QGuiApplication.platformName() in ("xcb", "wayland")
    return sys.platform.startswith("linux") and on_screen and bool(os.environ.get("DBUS_SESSION_BUS_ADDRESS"))
