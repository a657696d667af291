"""What people can ask for, one function per intent; each owns its busy state, its failure and its done."""

from collections.abc import Awaitable, Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication

from app.engine_process import EngineLink
from app.notices import Notice, NoticeBoard, Remedy, from_error
from spark_engine.client.http import SparkClient
from spark_engine.errors import SparkError
from spark_engine.tasks import create_task


class Actions(QObject):
    """Commands to the engine and the desktop. What they lead to arrives as events in the store.

    `busy_changed` carries the key of an intent (`load:spark-nano:onnx-int4`) whenever it begins or ends.
    """

    busy_changed = Signal(str)

    def __init__(self, client: SparkClient, link: EngineLink, board: NoticeBoard) -> None:
        super().__init__(board)
        self._client, self._link, self._board = client, link, board
        self._busy: set[str] = set()

    def is_busy(self, key: str) -> bool:
        """Whether the intent with this key was begun and its answer is not there yet."""
        return key in self._busy

    def load(self, id: str) -> None:
        """Load a model or variant."""
        self._begin(f"load:{id}", lambda: self._client.load(id), lambda: self.load(id))

    def unload(self, id: str) -> None:
        """Unload a model or variant."""
        self._begin(f"unload:{id}", lambda: self._client.unload(id), lambda: self.unload(id))

    def rescan(self) -> None:
        """Look again for models on disk."""
        self._begin("rescan", self._client.rescan, self.rescan)

    def install(self, component: str) -> None:
        """Install a backend component."""
        key = f"install:{component}"
        self._begin(key, lambda: self._client.install_component(component), lambda: self.install(component))

    def cancel_install(self, component: str) -> None:
        """Cancel the installation of a backend component."""
        key = f"cancel:{component}"
        self._begin(key, lambda: self._client.cancel_component(component))

    def start_engine(self) -> None:
        """Start the engine after it was stopped or could not be started."""
        self._link.start_again()

    def copy(self, text: str, what: str) -> None:
        """Put `text` on the clipboard and say so; `what` names it, as in `The address`."""
        QGuiApplication.clipboard().setText(text)
        self._board.post(Notice("copied", "ok", f"{what} is on the clipboard", passing=True))

    def _begin(
        self, key: str, call: Callable[[], Awaitable[object]], again: Callable[[], None] | None = None
    ) -> None:
        if key in self._busy:
            return
        self._busy.add(key)
        self.busy_changed.emit(key)
        create_task(self._carry_out(key, call, again), name=key)

    async def _carry_out(
        self, key: str, call: Callable[[], Awaitable[object]], again: Callable[[], None] | None
    ) -> None:
        try:
            await call()
            self._board.withdraw(key)
        except SparkError as error:
            self._board.post(from_error(key, error, Remedy("Try again", again) if again else None))
        finally:
            self._busy.discard(key)
            self.busy_changed.emit(key)
