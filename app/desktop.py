"""The desktop app as a whole: puts store, engine link, window and tray together, runs them, ends them."""

import asyncio

from PySide6.QtCore import QObject, QTimer

from app.actions import Actions
from app.announcer import Announcer
from app.conversation import Conversation
from app.conversion_notices import ConversionNotices
from app.dashboard.window import Window
from app.download_notices import DownloadNotices
from app.engine_process import CALLER, EngineLink
from app.making_ahead import MakingAhead
from app.notices import Notice, NoticeBoard
from app.problem_notices import ProblemNotices
from app.repairs import carry_out
from app.store import Store
from app.tray import Tray
from app.tray_watch import TrayWatch
from spark_engine.client.http import SparkClient
from spark_engine.client.process import Launch
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
    "So this window is how to reach Spark: closing it quits, minimising it keeps Spark running.",
)
TRAY_GRACE_MS = 3000
"""A desktop that starts its panel anew takes a moment."""


class Desktop(QObject):
    """Lives as long as the app. `run()` returns when the user quits, after everything has ended. `launch`: an engine
    that is on its way already."""

    def __init__(self, base: BaseDir, *, hidden: bool = False, launch: Launch | None = None) -> None:
        super().__init__()
        self.store, self.board = Store(self), NoticeBoard(self)
        self.client = SparkClient(base, caller=CALLER)
        self.link = EngineLink(base, self.client, self.store, self.board, launch)
        self.actions = Actions(self.client, self.link, self.board)
        self.downloads = DownloadNotices(self.store, self.actions, self.board)
        self.conversions = ConversionNotices(self.store, self.board)
        self.conversation = Conversation(self.client, self)
        self.window = Window(base, self.store, self.actions, self.board, self.conversation)
        self.problems = ProblemNotices(
            self.store, self.board, lambda repair: carry_out(repair, self.window.context)
        )
        self.announcer = Announcer(self.board)
        MakingAhead(self.store, self.window)
        self.tray, self._tray_watch = Tray(self.store, self.actions, base, self), TrayWatch(self)
        self._quit = asyncio.Event()
        self._hint_given = False
        self._connect()
        self._appear(hidden)

    def _connect(self) -> None:
        self.tray.open_wanted.connect(self.window.bring_up)
        self.tray.page_wanted.connect(self._open_page)
        self.tray.quit_wanted.connect(self.quit)
        self.window.closed.connect(self._window_closed)
        self.board.announced.connect(self._announce)
        self.announcer.told.connect(self.tray.tell)
        self._tray_watch.settled.connect(self._settle)
        self._tray_watch.moved.connect(lambda: QTimer.singleShot(TRAY_GRACE_MS, self, self._look_for_tray))

    def _appear(self, hidden: bool) -> None:
        if not hidden:
            self.window.show()
        self._tray_watch.start(patient=hidden)

    @property
    def has_tray(self) -> bool:
        """Whether the desktop shows Spark's icon now."""
        return self.tray.icon is not None and Tray.is_available()

    def _settle(self) -> None:
        """Show the icon; without a tray the window says how to go on."""
        self.tray.show(by_bus=self._tray_watch.by_bus)
        self._look_for_tray()

    def _look_for_tray(self) -> None:
        """The tray came or went: one without a window and without an icon could not be reached any more."""
        if self._quit.is_set():
            return
        if self.has_tray:
            self.board.withdraw(NO_TRAY.id)
            return
        self.board.post(NO_TRAY)
        if not self.window.isVisible():
            self.window.bring_up()

    async def run(self) -> None:
        """Keep the engine until somebody quits; then end what this app started."""
        keeping = create_task(self.link.run(), name="engine link")
        try:
            await self._quit.wait()
        finally:
            await self.conversation.close()
            await cancel_and_wait(keeping)
            await self.link.quit()
            await self.client.aclose()
            self.tray.hide()

    def quit(self) -> None:
        """End the app; the window goes at once, the engine is given its time."""
        self.window.hide()
        self._quit.set()

    def _open_page(self, id: str) -> None:
        self.window.go(id)
        self.window.bring_up()

    def _window_closed(self) -> None:
        """Closing the window hides it; without a tray there would be no way back, so it quits."""
        if not self.has_tray:
            self.quit()
        elif not self._hint_given:
            self._hint_given = True
            self.tray.tell(TRAY_HINT)

    def _announce(self, notice: Notice) -> None:
        if not self.window.isActiveWindow():
            self.announcer.announce(notice)
