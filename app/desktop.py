"""The desktop app as a whole: puts store, engine link, window and tray together, runs them, ends them."""

import asyncio

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from app.actions import Actions
from app.conversation import Conversation
from app.conversion_notices import ConversionNotices
from app.dashboard.window import Window
from app.download_notices import DownloadNotices
from app.engine_process import CALLER, EngineLink
from app.notices import Notice, NoticeBoard
from app.store import Store
from app.tray import Tray
from spark_engine.client.http import SparkClient
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task

TRAY_HINT = Notice(
    "hidden",
    "info",
    "Spark keeps running",
    "Its icon in the tray opens this window again; Quit is in the icon's menu.",
)
NO_TRAY = Notice(
    "no-tray",
    "info",
    "This desktop shows no tray icons",
    "So this window is how to reach Spark; closing it quits.",
)


class Desktop(QObject):
    """Lives as long as the app. `run()` returns when the user quits, after everything has ended."""

    def __init__(self, base: BaseDir, *, hidden: bool = False) -> None:
        super().__init__()
        self.store, self.board = Store(self), NoticeBoard(self)
        self.client = SparkClient(base, caller=CALLER)
        self.link = EngineLink(base, self.client, self.store, self.board)
        self.actions = Actions(self.client, self.link, self.board)
        self.downloads = DownloadNotices(self.store, self.actions, self.board)
        self.conversions = ConversionNotices(self.store, self.board)
        self.conversation = Conversation(self.client, self)
        self.window = Window(base, self.store, self.actions, self.board, self.conversation)
        self.tray = Tray(self.store, self.actions, self)
        self.has_tray = Tray.is_available()
        self._quit = asyncio.Event()
        self._hint_given = False
        self._connect()
        self._appear(hidden)

    def _connect(self) -> None:
        self.tray.open_wanted.connect(self.window.bring_up)
        self.tray.models_wanted.connect(self._open_models)
        self.tray.quit_wanted.connect(self.quit)
        self.window.closed.connect(self._window_closed)
        self.board.announced.connect(self._announce)
        self.store.problems_changed.connect(self._show_problems)

    def _appear(self, hidden: bool) -> None:
        if self.has_tray:
            self.tray.show()
        else:
            self.board.post(NO_TRAY)
        if not (hidden and self.has_tray):
            self.window.show()

    async def run(self) -> None:
        """Keep the engine until somebody quits; then end what this app started."""
        keeping = create_task(self.link.run(), name="engine link")
        try:
            await self._quit.wait()
        finally:
            self.conversation.stop()
            await cancel_and_wait(keeping)
            await self.link.quit()
            await self.client.aclose()
            self.tray.hide()

    def quit(self) -> None:
        """End the app; the window goes at once, the engine is given its time."""
        self.window.hide()
        self._quit.set()

    def _open_models(self) -> None:
        self.window.go("models")
        self.window.bring_up()

    def _window_closed(self) -> None:
        """Closing the window hides it; without a tray there would be no way back, so it quits."""
        if not self.has_tray:
            self.quit()
        elif not self._hint_given:
            self._hint_given = True
            self.tray.tell(TRAY_HINT)

    def _announce(self, notice: Notice) -> None:
        if self.has_tray and not self.window.isActiveWindow():
            self.tray.tell(notice)

    def _show_problems(self) -> None:
        """The engine's declared problems stand as notices until they are over."""
        problems = self.store.state.problems if self.store.state else {}
        tones = {"info": "info", "warning": "warn", "error": "bad"}
        for gone in [
            n.id for n in self.board.notices if n.id.startswith("problem:") and n.id[8:] not in problems
        ]:
            self.board.withdraw(gone)
        for id, problem in problems.items():
            tone = tones[problem.severity]
            self.board.post(Notice(f"problem:{id}", tone, problem.title, problem.message, problem.remedy))  # type: ignore[arg-type]


def make_ready(app: QApplication) -> None:
    """What Qt must know about this program before any window is made."""
    app.setApplicationName("spark")
    app.setApplicationDisplayName("Spark")
    app.setDesktopFileName("spark")
    app.setQuitOnLastWindowClosed(False)
