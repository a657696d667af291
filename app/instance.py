"""One Spark app per base directory: a second start asks the first one to show its window, and ends."""

import hashlib

from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from spark_engine.paths import BaseDir

ANSWER_MS = 2000


class SingleInstance(QObject):
    """Holds the lock of the app while it runs. `raised`: another start asked for the window.

    The lock comes first because a second local server can listen on a name that is taken.
    """

    raised = Signal()

    def __init__(self, base: BaseDir, parent: QObject | None = None) -> None:
        super().__init__(parent)
        base.create()
        self._lock = QLockFile(str(base.run / "app.lock"))
        self._lock.setStaleLockTime(0)
        self._name = "spark-app-" + hashlib.sha256(str(base.root).encode()).hexdigest()[:16]
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._called)

    def take(self) -> bool:
        """Whether this is the first one; it listens for later ones then."""
        if not self._lock.tryLock(0):
            return False
        QLocalServer.removeServer(self._name)
        self._server.listen(self._name)
        return True

    def call_first(self) -> bool:
        """Ask the first one to show its window; whether it heard."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(ANSWER_MS):
            return False
        heard = socket.waitForReadyRead(ANSWER_MS)
        socket.disconnectFromServer()
        return heard

    def release(self) -> None:
        """Let another one be the first."""
        self._server.close()
        self._lock.unlock()

    def _called(self) -> None:
        while (caller := self._server.nextPendingConnection()) is not None:
            caller.disconnected.connect(caller.deleteLater)
            caller.write(b"raised")
            caller.flush()
            self.raised.emit()
