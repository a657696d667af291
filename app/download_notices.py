"""Tells when a download is over: in the window each one, by the tray no more often than is bearable."""

from collections.abc import Callable
from time import monotonic

from msgspec.structs import replace
from PySide6.QtCore import QObject, QTimer

from app.actions import Actions
from app.headline import display_name
from app.notices import Notice, NoticeBoard, Remedy
from app.store import Store
from app.words import counted, duration, plain
from spark_engine.types.downloads import DownloadEntry, DownloadFailed, Fetched, is_running
from spark_engine.types.quantities import size
from spark_engine.types.state import DownloadChanged, DownloadDropped, StateSnapshot

QUIET_S = 20.0


class DownloadNotices(QObject):
    """Only what this app saw running is told when it is over: nothing is told twice after reconnecting, and nothing
    of what an earlier engine did. `clock` gives seconds.
    """

    def __init__(
        self, store: Store, actions: Actions, board: NoticeBoard, clock: Callable[[], float] = monotonic
    ) -> None:
        super().__init__(board)
        self._store, self._actions, self._board, self._clock = store, actions, board, clock
        self._running: set[str] = set()
        self._failed: set[str] = set()
        self._quiet_until = 0.0
        self._held: list[Notice] = []
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.tell_held)
        store.happened.connect(self._follow)

    def _follow(self, event: object) -> None:
        match event:
            case DownloadChanged(download):
                self._look_at(download)
            case DownloadDropped(id):
                self._running.discard(id)
                self._take_back(id)
            case StateSnapshot(state):
                for download in state.downloads.values():
                    self._look_at(download)
                self._running &= state.downloads.keys()
                for id in self._failed - state.downloads.keys():
                    self._take_back(id)

    def _look_at(self, download: DownloadEntry) -> None:
        if not isinstance(download.status, DownloadFailed):
            self._take_back(download.id)
        if is_running(download):
            self._running.add(download.id)
        elif download.id in self._running:
            self._running.discard(download.id)
            self._over(download)

    def _take_back(self, id: str) -> None:
        """A failure that is no longer one needs no notice."""
        if id in self._failed:
            self._failed.discard(id)
            self._board.withdraw(_key(id))

    def _over(self, download: DownloadEntry) -> None:
        state = self._store.state
        name = display_name(state, download.id) if state else download.id
        match download.status:
            case Fetched(seconds):
                text = f"{size(download.bytes_total)} in {duration(seconds * 1000)}; every file was checked."
                self._tell(Notice(_key(download.id), "ok", f"{name} is downloaded", text, passing=True))
            case DownloadFailed(code, title, message, remedy):
                self._failed.add(download.id)
                again = Remedy("Try again", lambda: self._actions.resume_download(download.id))
                text = f"{plain(title)}. {plain(message)}"
                details = f"code: {code}\n{download.id} from {download.source}"
                heading = f"The download of {name} has stopped"
                self._tell(Notice(_key(download.id), "bad", heading, text, remedy, details, again))

    def _tell(self, notice: Notice) -> None:
        """Show it; the tray tells it too, at once or with the others of this while."""
        now = self._clock()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            self._board.post(replace(notice, announce=True))
            return
        self._board.post(notice)
        self._held.append(notice)
        if not self._timer.isActive():
            self._timer.start(round((self._quiet_until - now) * 1000))

    def tell_held(self) -> None:
        """Tell by the tray, in one message, what was over meanwhile."""
        held, self._held = self._held, []
        if not held:
            return
        self._quiet_until = self._clock() + QUIET_S
        if len(held) == 1:
            self._board.announced.emit(held[0])
            return
        bad = any(notice.tone == "bad" for notice in held)
        title = f"{counted(len(held), 'download is', 'downloads are')} over"
        text = ". ".join(notice.title for notice in held) + "."
        self._board.announced.emit(Notice("downloads", "bad" if bad else "ok", title, text))


def _key(id: str) -> str:
    return f"download-over:{id}"
