"""Tells when a download is over."""

from PySide6.QtCore import QObject

from app.actions import Actions
from app.headline import display_name
from app.notices import Notice, NoticeBoard, Remedy
from app.store import Store
from app.words import duration, plain
from spark_engine.types.downloads import DownloadEntry, DownloadFailed, Fetched, is_running
from spark_engine.types.quantities import size
from spark_engine.types.state import DownloadChanged, DownloadDropped, StateSnapshot


class DownloadNotices(QObject):
    """Only what this app saw running is told when it is over: nothing is told twice after reconnecting, and nothing
    of what an earlier engine did.
    """

    def __init__(self, store: Store, actions: Actions, board: NoticeBoard) -> None:
        super().__init__(board)
        self._store, self._actions, self._board = store, actions, board
        self._running: set[str] = set()
        self._failed: set[str] = set()
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
                title = f"{name} is downloaded"
                told = Notice(_key(download.id), "ok", title, text, passing=True, announce=True)
            case DownloadFailed(code, title, message, remedy):
                self._failed.add(download.id)
                again = Remedy("Try again", lambda: self._actions.resume_download(download.id))
                text = f"{plain(title)}. {plain(message)}"
                details = f"code: {code}\n{download.id} from {download.source}"
                heading = f"The download of {name} has stopped"
                told = Notice(_key(download.id), "bad", heading, text, remedy, details, again, announce=True)
            case _:
                return
        self._board.post(told)


def _key(id: str) -> str:
    return f"download-over:{id}"
