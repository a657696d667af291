"""Runs the app as `python -m app` does, and tells a test over a local socket what is in sight, and how smoothly it ran.

    python -m tests.support.watched_app SOCKET [the app's own arguments]

It only looks; whatever is to be done is done with mouse and keyboard.
"""

import json
import sys
import time
from typing import Any

from PySide6.QtCore import QObject, QPoint, QRect, Qt, QTimer
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from app import main as app_main
from app.make_ready import make_ready

TOLD = (QAbstractButton, QLabel, QComboBox, QLineEdit, QTextEdit, QPlainTextEdit)
BEAT_MS = 5


class Heartbeat(QObject):
    """Wakes every 5 ms: how long the loop was away since somebody asked, and how much of that it worked, in seconds."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._last, self._gaps = (0.0, 0.0), [(0.0, 0.0)]

    def begin(self) -> None:
        """Count from now on."""
        self._last, self._gaps = (time.perf_counter(), time.thread_time()), []
        self._timer.start()

    def end(self) -> list[tuple[float, float]]:
        """Stop; the ten longest gaps, the longest first, each with the time that this thread had the processor."""
        self._beat()
        self._timer.stop()
        return sorted(self._gaps, reverse=True)[:10]

    def _beat(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self._gaps.append((now[0] - self._last[0], now[1] - self._last[1]))
        self._last = now


class Eyes(QObject):
    """Answers lines of JSON, each with one line: what is in sight, or how long the loop was away."""

    def __init__(self, path: str, app: QApplication) -> None:
        super().__init__(app)
        self._heart = Heartbeat(self)
        self._server = QLocalServer(self)
        self._server.newConnection.connect(self._welcome)
        if not self._server.listen(path):
            raise RuntimeError(self._server.errorString())

    def _welcome(self) -> None:
        socket = self._server.nextPendingConnection()
        if socket is not None:
            socket.readyRead.connect(lambda: self._answer(socket))

    def _answer(self, socket: QLocalSocket) -> None:
        while socket.canReadLine():
            asked = json.loads(bytes(socket.readLine().data()))
            socket.write(json.dumps(self._do(asked)).encode() + b"\n")

    def _do(self, asked: str) -> object:
        match asked:
            case "look":
                return [told for widget in QApplication.allWidgets() if (told := _told(widget)) is not None]
            case "begin":
                self._heart.begin()
                return None
            case "end":
                return self._heart.end()
        raise ValueError(asked)


def _told(widget: QWidget) -> dict[str, Any] | None:
    """What one sees of a widget: its words and the middle of the part in sight, in pixels of the screen."""
    if not widget.isVisible() or not (isinstance(widget, TOLD) or widget.accessibleName()):
        return None
    part = widget.visibleRegion().boundingRect()
    seen = part.isEmpty() is False and _is_on_top(widget, part.center())
    at = widget.mapToGlobal((part if seen else QRect(QPoint(), widget.size())).center())
    return {
        "kind": type(widget).__name__,
        "words": _words(widget),
        "name": widget.accessibleName(),
        "enabled": widget.isEnabled(),
        "seen": seen,
        "x": at.x(),
        "y": at.y(),
    }


def _is_on_top(widget: QWidget, place: QPoint) -> bool:
    found = QApplication.widgetAt(widget.mapToGlobal(place))
    return found is not None and (found is widget or widget.isAncestorOf(found))


def _words(widget: QWidget) -> str:
    if isinstance(widget, QComboBox):
        return widget.currentText()
    if isinstance(widget, (QTextEdit, QPlainTextEdit)):
        return widget.toPlainText()
    return widget.text().strip() if isinstance(widget, (QAbstractButton, QLabel, QLineEdit)) else ""


def run(path: str, arguments: list[str]) -> int:
    """The app with eyes; its exit status."""

    def with_eyes(app: QApplication) -> None:
        make_ready(app)
        Eyes(path, app)

    vars(app_main)["make_ready"] = with_eyes
    return app_main.main(arguments)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
