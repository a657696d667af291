"""The tray icon: state by colour and shape, a tooltip, and a menu of what is most often wanted."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QSystemTrayIcon

from app import start_at_login
from app.actions import Actions
from app.dashboard.pages import PAGES
from app.headline import Mood, headline
from app.link import Connected, Refused, Stopped
from app.notices import Notice
from app.recent_models import RecentModels
from app.repaint import Repaint
from app.store import Store
from app.tray_icon import tray_icon
from app.tray_menu import menu_entries
from app.tray_words import tooltip
from app.widgets.living_menu import Entry, LivingMenu, for_bus
from spark_engine.paths import BaseDir

Act = Callable[[], None]
RECENT_FILE = "recent-models.json"


class Tray(QObject):
    """`open_wanted`, `page_wanted` (with a page's id) and `quit_wanted` come from icon and menu.

    The icon is made by `show()`: whoever asks Qt for one before the desktop's tray is there gets none for good.
    """

    open_wanted = Signal()
    page_wanted = Signal(str)
    quit_wanted = Signal()

    def __init__(self, store: Store, actions: Actions, base: BaseDir, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._actions, self._base = store, actions, base
        self.recent = RecentModels(store, base.state / RECENT_FILE, self)
        self.icon: QSystemTrayIcon | None = None
        self.menu = LivingMenu()
        self._at_login: bool | None = None
        self._mood: Mood | None = None
        self._repaint = Repaint(self._draw, self)
        self.menu.chosen.connect(self._do)
        self.menu.aboutToShow.connect(self._look_at_login)
        store.link_changed.connect(self._repaint.request)
        for part in ("engine", "models", "requests", "downloads", "problems", "acceleration", "metrics"):
            getattr(store, f"{part}_changed").connect(self._repaint.request)
        self._look_at_login()

    @staticmethod
    def is_available() -> bool:
        """Whether this desktop shows tray icons at all; nothing else tells."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def show(self, *, by_bus: bool = False) -> None:
        """Put the icon into the tray; `by_bus`: the desktop itself draws the menu."""
        if self.icon is None:
            if by_bus:
                self.menu.write = for_bus
                self.menu.show_entries([])
            self.icon = QSystemTrayIcon(self)
            self.icon.setContextMenu(self.menu)
            self.icon.activated.connect(self._activated)
            self.icon.messageClicked.connect(self.open_wanted)
            self._mood = None
            self._draw()
        self.icon.show()

    def hide(self) -> None:
        """Take the icon away."""
        if self.icon is not None:
            self.icon.hide()

    def tell(self, notice: Notice) -> None:
        """Show a notice as a message of the desktop."""
        if self.icon is not None:
            # Desktops show a message's picture in the place of the icon for as long as they show the message.
            mood: Mood = "problem" if notice.tone in ("bad", "warn") else self._mood or "ready"
            self.icon.showMessage(notice.title, notice.text or notice.remedy, tray_icon(mood))

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.open_wanted.emit()

    def _look_at_login(self) -> None:
        """Somebody else may have changed it: the Settings page, or the desktop's own settings."""
        self._at_login = start_at_login.is_on() if start_at_login.is_supported() else None
        self._draw()

    def _draw(self) -> None:
        now, state = headline(self._store.link, self._store.state), self._store.live
        if self.icon is not None:
            if now.mood != self._mood:
                self._mood = now.mood
                self.icon.setIcon(tray_icon(now.mood))
            if (words := tooltip(now, state)) != self.icon.toolTip():
                self.icon.setToolTip(words)
        self.menu.show_entries(
            menu_entries(
                now,
                state,
                [(page.id, page.word) for page in PAGES],
                recent=self.recent.ids,
                can_start=isinstance(self._store.link, (Stopped, Refused)),
                ends_engine=isinstance(self._store.link, Connected) and self._store.link.started_here,
                at_login=self._at_login,
            )
        )

    def _do(self, entry: Entry) -> None:
        verb, _, argument = entry.key.partition(" ")
        backend, _, choice = argument.partition(" ")
        acts: dict[str, Act] = {
            "open": self.open_wanted.emit,
            "page": lambda: self.page_wanted.emit(argument),
            "quit": self.quit_wanted.emit,
            "start": self._actions.start_engine,
            "copy": lambda: self._actions.copy(argument, "The API address"),
            "load": lambda: self._actions.load(argument),
            "unload": lambda: self._actions.unload(argument),
            "free": self._actions.free_memory,
            "pause": self._actions.pause_serving,
            "resume": self._actions.resume_serving,
            "use": lambda: self._actions.use_acceleration(backend, choice),
            "logs": lambda: self._actions.show_folder(str(self._base.logs)),
            "login": lambda: self._start_at_login(not entry.ticked),
        }
        acts[verb]()

    def _start_at_login(self, on: bool) -> None:
        self._actions.start_at_login(on)
        self._look_at_login()
