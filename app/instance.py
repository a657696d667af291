"""One Spark app per base directory: a second start asks the first one to show its window, and ends."""

import hashlib
import logging
import os
import sys
import time

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from spark_engine.life.file_lock import lock
from spark_engine.paths import BaseDir

log = logging.getLogger(__name__)
PATIENCE_S = 10.0
"""The first one may be starting itself, on a machine that has much to do."""
STEP_MS = 100
LONGEST_SOCKET = 100
"""Characters of a Unix socket's path."""


class SingleInstance(QObject):
    """Holds the lock of the app while it runs. `raised`: another start asked for the window.

    The lock comes first because a second local server can listen on a name that is taken. It is the operating
    system's, so that nothing of it is left after a crash, a loss of power or a change of the machine's name.
    """

    raised = Signal()

    def __init__(self, base: BaseDir, parent: QObject | None = None) -> None:
        super().__init__(parent)
        base.create()
        self._file, self._handle = base.run / "app.lock", -1
        self._name = _server_name(base)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._called)

    def take(self) -> bool:
        """Whether this is the first one; it listens for later ones then."""
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock(handle)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        QLocalServer.removeServer(self._name)
        if not self._server.listen(self._name):
            log.warning("a second start cannot bring this window up: %s", self._server.errorString())
        return True

    def call_first(self, patience_s: float = PATIENCE_S) -> bool:
        """Ask the first one to show its window; whether it heard."""
        until = time.monotonic() + patience_s
        while not (heard := self._call(until)) and time.monotonic() < until:
            time.sleep(STEP_MS / 1000)
        return heard

    def release(self) -> None:
        """Let another one be the first."""
        self._server.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _call(self, until: float) -> bool:
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(STEP_MS):
            return False
        heard = socket.waitForReadyRead(max(STEP_MS, int((until - time.monotonic()) * 1000)))
        socket.disconnectFromServer()
        return heard

    def _called(self) -> None:
        while (caller := self._server.nextPendingConnection()) is not None:
            caller.disconnected.connect(caller.deleteLater)
            caller.write(b"raised")
            caller.flush()
            self.raised.emit()


def _server_name(base: BaseDir) -> str:
    """A socket in the owner's own folder; a name where there are no such sockets, or the path is too long for one."""
    path = str(base.run / "app.sock")
    if sys.platform != "win32" and len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    return "spark-app-" + hashlib.sha256(str(base.root).encode()).hexdigest()[:16]
