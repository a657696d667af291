"""What people can ask for, one function per intent; each owns its busy state, its failure and its done."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication

from app import start_at_login
from app.engine_process import EngineLink
from app.library_notices import found_there, freed_words
from app.notices import Notice, NoticeBoard, Remedy, from_error
from spark_engine.client.http import SparkClient
from spark_engine.errors import SparkError
from spark_engine.tasks import create_task
from spark_engine.types.apps import AppRank


class Actions(QObject):
    """Commands to the engine and the desktop. What they lead to arrives as events in the store.

    `busy_changed` carries the key of an intent (`load:spark-nano:onnx-int4`) whenever it begins or ends, `done` that
    of one that was accepted and what the engine accepted it for.
    """

    busy_changed = Signal(str)
    done = Signal(str, str)

    def __init__(self, client: SparkClient, link: EngineLink, board: NoticeBoard) -> None:
        super().__init__(board)
        self._client, self._link, self._board = client, link, board
        self._busy: set[str] = set()

    @property
    def client(self) -> SparkClient:
        """The engine itself, for what is only asked and whose answer is shown where it was asked."""
        return self._client

    def is_busy(self, key: str) -> bool:
        """Whether the intent with this key was begun and its answer is not there yet."""
        return key in self._busy

    def load(self, id: str) -> None:
        """Load a model or variant."""
        self._begin(f"load:{id}", lambda: self._client.load(id), lambda: self.load(id))

    def unload(self, id: str) -> None:
        """Unload a model or variant."""
        self._begin(f"unload:{id}", lambda: self._client.unload(id), lambda: self.unload(id))

    def download(self, model: str, *, load: bool = True) -> None:
        """Fetch a model of a card or of the hub (`org/name[:variant]`) and load it then; or go on with it."""
        again = partial(self.download, model, load=load)
        self._begin(f"download:{model}", lambda: self._client.download(model, load=load), again)

    def pause_download(self, id: str) -> None:
        """Stop a download and keep what was fetched."""
        self._begin(f"pause_download:{id}", lambda: self._client.pause_download(id))

    def resume_download(self, id: str) -> None:
        """Go on with a download that was paused or failed."""
        again = partial(self.resume_download, id)
        self._begin(f"resume_download:{id}", lambda: self._client.resume_download(id), again)

    def cancel_download(self, id: str) -> None:
        """Stop a download and delete what was fetched."""
        self._begin(f"cancel_download:{id}", lambda: self._client.cancel_download(id))

    def remove(self, id: str) -> None:
        """Delete a variant's files, which are Spark's own."""
        self._begin(f"remove:{id}", lambda: self._client.remove_model(id), partial(self.remove, id))

    def forget(self, id: str, name: str, path: str) -> None:
        """No longer list a variant whose files at `path` are another program's, and offer to take that back."""

        async def forgotten() -> None:
            await self._client.remove_model(id)
            back = Remedy("List it again", partial(self.adopt, path))
            told = Notice(f"forgotten:{id}", "ok", f"{name} is no longer listed", action=back, passing=True)
            self._board.post(told)

        self._begin(f"remove:{id}", forgotten, partial(self.forget, id, name, path))

    def adopt(self, path: str) -> None:
        """Use the models at an absolute path where they lie, or list again what was forgotten."""
        self._begin(f"adopt:{path}", lambda: self._client.adopt(path), partial(self.adopt, path))

    def adopt_and_tell(self, path: str) -> None:
        """As `adopt`, and say what was found there."""

        async def adopted() -> None:
            await self._client.adopt(path)
            self._board.post(found_there(await self._client.state(), path))

        self._begin(f"adopt:{path}", adopted, partial(self.adopt_and_tell, path))

    def free_memory(self) -> None:
        """Unload every model that is idle and not pinned, and say which."""

        async def freed() -> None:
            self._board.post(freed_words(await self._client.free_memory()))

        self._begin("free_memory", freed, self.free_memory)

    def convert(self, id: str, format: str, quantization: str) -> None:
        """Make another variant of a model."""
        again = partial(self.convert, id, format, quantization)
        self._begin(f"convert:{id}", lambda: self._client.convert(id, format, quantization), again)

    def cancel_conversion(self, id: str) -> None:
        """End a conversion, or put the row of one away that is over."""
        self._begin(f"cancel_conversion:{id}", lambda: self._client.cancel_conversion(id))

    def pause_app(self, id: str) -> None:
        """Let an app's requests wait."""
        self._begin(f"app:{id}", lambda: self._client.pause_app(id))

    def resume_app(self, id: str) -> None:
        """Let the requests of a paused app go on."""
        self._begin(f"app:{id}", lambda: self._client.resume_app(id))

    def block_app(self, id: str) -> None:
        """Refuse an app's requests."""
        self._begin(f"app:{id}", lambda: self._client.block_app(id))

    def unblock_app(self, id: str) -> None:
        """Let a blocked app ask again."""
        self._begin(f"app:{id}", lambda: self._client.unblock_app(id))

    def rank_app(self, id: str, rank: AppRank) -> None:
        """Say whose requests go first."""
        self._begin(f"app:{id}", lambda: self._client.rank_app(id, rank))

    def pause_serving(self) -> None:
        """Let every program's new requests wait."""
        self._begin("serving", self._client.pause_serving, self.pause_serving)

    def resume_serving(self) -> None:
        """Answer requests again, those that wait first."""
        self._begin("serving", self._client.resume_serving, self.resume_serving)

    def start_at_login(self, on: bool) -> None:
        """Start Spark when its user logs in, or do not any more; a notice where the system refuses."""
        try:
            start_at_login.turn(on)
        except SparkError as error:
            again = Remedy("Try again", partial(self.start_at_login, on))
            self._board.post(from_error("start_at_login", error, again))
        else:
            self._board.withdraw("start_at_login")

    def check_health(self) -> None:
        """Look at everything anew."""
        self._begin("check_health", self._client.check_health, self.check_health)

    def rescan(self) -> None:
        """Look again for models on disk."""
        self._begin("rescan", self._client.rescan, self.rescan)

    def cancel_request(self, id: str) -> None:
        """End a request that waits or runs."""
        self._begin(f"cancel_request:{id}", lambda: self._client.cancel_request(id))

    def install(self, component: str) -> None:
        """Install a backend component."""
        key = f"install:{component}"
        self._begin(key, lambda: self._client.install_component(component), lambda: self.install(component))

    def cancel_install(self, component: str) -> None:
        """Cancel the installation of a backend component."""
        key = f"cancel:{component}"
        self._begin(key, lambda: self._client.cancel_component(component))

    def use_acceleration(self, backend: str, choice: str, *, strict: bool | None = None) -> None:
        """Run a backend's models by one of its choices, or `auto`; `strict`: never by the CPU instead."""
        again = partial(self.use_acceleration, backend, choice, strict=strict)
        self._begin(
            f"acceleration:{backend}",
            lambda: self._client.use_acceleration(backend, choice, strict=strict),
            again,
        )

    def verify_acceleration(self, backend: str = "", choice: str = "") -> None:
        """Check a choice, or all there are."""
        again = partial(self.verify_acceleration, backend, choice)
        key = f"verify:{backend}:{choice}"
        self._begin(key, lambda: self._client.verify_acceleration(backend, choice), again)

    def start_engine(self) -> None:
        """Start the engine after it was stopped or could not be started."""
        self._link.start_again()

    def restart_engine(self) -> None:
        """End the engine, whoever started it, and start it again."""
        self._begin("restart_engine", self._link.restart, self.restart_engine)

    def show_folder(self, path: str) -> None:
        """Open the folder that `path` is or lies in with the desktop's own program; a notice where that fails."""
        place = Path(path)
        folder = place if place.is_dir() else place.parent
        if not (folder.is_dir() and QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))):
            remedy = Remedy("Copy path", lambda: self.copy(path, "The path"))
            self._board.post(Notice("folder", "warn", "The folder could not be opened", path, action=remedy))

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
            answer = await call()
            self._board.withdraw(key)
            self.done.emit(key, answer if isinstance(answer, str) else "")
        except SparkError as error:
            self._board.post(from_error(key, error, Remedy("Try again", again) if again else None))
        finally:
            self._busy.discard(key)
            self.busy_changed.emit(key)
