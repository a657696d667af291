"""The one window: rail, strip, notices and the page in front; keyboard and folding."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app.actions import Actions
from app.conversation import Conversation
from app.dashboard.context import Context
from app.dashboard.help_card import HelpCard
from app.dashboard.notice_area import NoticeArea
from app.dashboard.page import Page
from app.dashboard.pages import PAGES
from app.dashboard.rail import Rail
from app.dashboard.shortcuts import SHORTCUTS, page_keys
from app.dashboard.strip import Strip
from app.notices import NoticeBoard
from app.store import Store
from app.tray_icon import mark
from app.widgets.tab_order import follow_reading_order
from spark_engine.paths import BaseDir

SIZE, SMALLEST = (1100, 720), (640, 480)
FOLD_BELOW = 960


class Window(QMainWindow):
    """Pages are made when they are first shown, or ahead of that. `appeared`: the window came into sight; `closed`: the
    user closed it.
    """

    appeared, closed = Signal(), Signal()

    def __init__(
        self, base: BaseDir, store: Store, actions: Actions, board: NoticeBoard, talk: Conversation
    ) -> None:
        super().__init__()
        self.setWindowTitle("Spark")
        self.setWindowIcon(mark())
        self.resize(*SIZE)
        self.setMinimumSize(*SMALLEST)
        self.context = Context(base, store, actions, board, talk, self.go)
        self.rail, self.strip = Rail(), Strip(self.context)
        self.notices = NoticeArea(board, actions)
        self._stack = QStackedWidget()
        self._pages: dict[str, Page] = {}
        self._arrange()
        self.help = HelpCard(self, self.context)
        self._bind_keys()
        self.rail.chosen.connect(self.go)
        board.changed.connect(self._order_tabs)
        self.go(PAGES[0].id)

    def _arrange(self) -> None:
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.strip)
        right.addWidget(self.notices)
        right.addWidget(self._stack, 1)
        whole = QWidget()
        whole.setProperty("look", "window")
        line = QHBoxLayout(whole)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(self.rail)
        line.addLayout(right, 1)
        self.setCentralWidget(whole)

    def _bind_keys(self) -> None:
        for id, keys in page_keys().items():
            self._key(keys, lambda id=id: self.go(id))
        acts = {
            "new_chat": self._new_chat,
            "choose_model": self._choose_model,
            "stop": self.context.conversation.stop,
            "recheck": lambda: self.page.recheck(),
            "help": self.help.bring_up,
            "close": self.close,
        }
        for shortcut in SHORTCUTS:
            self._key(shortcut.keys, acts[shortcut.act])

    def _key(self, keys: str, act: object) -> None:
        QShortcut(QKeySequence(keys), self, act)  # type: ignore[call-overload]

    @property
    def page(self) -> Page:
        """The page in front."""
        page = self._stack.currentWidget()
        assert isinstance(page, Page)
        return page

    def go(self, id: str) -> None:
        """Show the page with this id."""
        self.help.put_away()
        self._make(id)
        self._stack.setCurrentWidget(self._pages[id])
        self.rail.show_page(id)
        self._order_tabs()
        self._pages[id].shown()

    def make_ahead(self) -> bool:
        """Make one page that nobody has opened yet; whether there are more of them."""
        unmade = [page.id for page in PAGES if page.id not in self._pages]
        for id in unmade[:1]:
            self._make(id)
        return len(unmade) > 1

    def _make(self, id: str) -> None:
        if id not in self._pages:
            entry = next(page for page in PAGES if page.id == id)
            self._pages[id] = entry.load()(self.context)
            self._stack.addWidget(self._pages[id])

    def bring_up(self) -> None:
        """Show the window in front of the others."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def _new_chat(self) -> None:
        self.go("chat")
        page = self.page
        if hasattr(page, "start_new"):
            page.start_new()

    def _choose_model(self) -> None:
        self.go("chat")
        page = self.page
        if hasattr(page, "choose_model"):
            page.choose_model()

    def _order_tabs(self) -> None:
        follow_reading_order([self.rail, self.strip, self.notices], self.page, self.page.regions)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: the size changed."""
        super().resizeEvent(event)
        self.rail.fold(self.width() < FOLD_BELOW)

    def showEvent(self, event: QShowEvent) -> None:
        """Qt: it comes into sight."""
        super().showEvent(event)
        self.appeared.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Qt: the window is being closed."""
        super().closeEvent(event)
        self.closed.emit()
