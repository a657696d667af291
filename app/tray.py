"""The tray icon: state by colour and shape, a tooltip, and a menu of what is most often wanted."""

from collections.abc import Callable

from msgspec import Struct
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from app.actions import Actions
from app.download_words import transfer
from app.headline import Headline, display_name, headline, variant_words
from app.link import Connected, Refused, Stopped
from app.notices import Notice
from app.repaint import Repaint
from app.store import Store
from app.tray_icon import tray_icon
from spark_engine.types.downloads import DownloadEntry, is_running
from spark_engine.types.models import Ready, Unloaded, VariantEntry, is_moving, status_word
from spark_engine.types.state import EngineState, find_variant, ready_variants

Act = Callable[[], None]
MOST = 8
"""Lines about models; a menu of hundreds helps nobody."""


class Entry(Struct, frozen=True):
    """One line of the menu: its words and the key of what it does (empty: it only tells). No words: a line between."""

    words: str = ""
    key: str = ""


class Tray(QObject):
    """`open_wanted`, `models_wanted` and `quit_wanted` come from icon and menu."""

    open_wanted = Signal()
    models_wanted = Signal()
    quit_wanted = Signal()

    def __init__(self, store: Store, actions: Actions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store, self._actions = store, actions
        self.icon, self.menu = QSystemTrayIcon(self), QMenu()
        self._entries: list[Entry] = []
        self._repaint = Repaint(self._draw, self)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self.icon.messageClicked.connect(self.open_wanted)
        for signal in (
            store.link_changed,
            store.engine_changed,
            store.models_changed,
            store.requests_changed,
            store.downloads_changed,
        ):
            signal.connect(self._repaint.request)
        self._draw()

    @staticmethod
    def is_available() -> bool:
        """Whether this desktop shows tray icons at all; nothing else tells."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def show(self) -> None:
        """Put the icon into the tray."""
        self.icon.show()

    def hide(self) -> None:
        """Take the icon away."""
        self.icon.hide()

    def tell(self, notice: Notice) -> None:
        """Show a notice as a message of the desktop."""
        icons = QSystemTrayIcon.MessageIcon
        kind = {"bad": icons.Critical, "warn": icons.Warning}.get(notice.tone, icons.Information)
        self.icon.showMessage(notice.title, notice.text or notice.remedy, kind)

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.open_wanted.emit()

    def _draw(self) -> None:
        now = headline(self._store.link, self._store.state)
        self.icon.setIcon(tray_icon(now.mood))
        self.icon.setToolTip(f"Spark: {now.line}")
        ours = isinstance(self._store.link, Connected) and self._store.link.started_here
        entries = menu_entries(now, self._store.live, can_start=self._can_start(), ends_engine=ours)
        if entries != self._entries:
            self._entries = entries
            self._fill(entries)

    def _can_start(self) -> bool:
        return isinstance(self._store.link, (Stopped, Refused))

    def _fill(self, entries: list[Entry]) -> None:
        self.menu.clear()
        for entry in entries:
            if not entry.words:
                self.menu.addSeparator()
                continue
            action = self.menu.addAction(entry.words)
            action.setEnabled(bool(entry.key))
            action.triggered.connect(lambda checked=False, key=entry.key: self._do(key))

    def _do(self, key: str) -> None:
        verb, _, argument = key.partition(" ")
        acts: dict[str, Act] = {
            "open": self.open_wanted.emit,
            "models": self.models_wanted.emit,
            "quit": self.quit_wanted.emit,
            "start": self._actions.start_engine,
            "copy": lambda: self._actions.copy(argument, "The API address"),
            "load": lambda: self._actions.load(argument),
            "unload": lambda: self._actions.unload(argument),
            "free": self._actions.free_memory,
        }
        acts[verb]()


def menu_entries(
    now: Headline, state: EngineState | None, *, can_start: bool, ends_engine: bool
) -> list[Entry]:
    """The whole menu as data."""
    models = _model_entries(state) if state else []
    models += [Entry("Free memory now", "free")] if state and ready_variants(state) else []
    address = f"{state.engine.address}/v1" if state else ""
    return [
        Entry(now.line),
        *([Entry("Start engine", "start")] if can_start else []),
        Entry(),
        *([*models, Entry()] if models else []),
        Entry("Open dashboard", "open"),
        *([Entry("Copy API address", f"copy {address}")] if address else []),
        Entry(),
        Entry("Quit Spark" if ends_engine or state is None else "Quit (the engine keeps running)", "quit"),
    ]


def _model_entries(state: EngineState) -> list[Entry]:
    """What is loaded or moves, then what can be loaded, then downloads; the window has the rest."""
    made = [
        (v, entry) for m in state.models.values() for v in m.variants if (entry := _model_entry(state, v))
    ]
    if len(made) > MOST:
        made.sort(key=lambda pair: isinstance(pair[0].status, Unloaded))
    more = [Entry("More models…", "models")] if len(made) > MOST else []
    coming = [_download_entry(state, d) for d in state.downloads.values() if is_running(d)]
    return [*(entry for _, entry in made[:MOST]), *more, *coming[:MOST]]


def _download_entry(state: EngineState, download: DownloadEntry) -> Entry:
    variant = find_variant(state, download.id)
    words = f", {variant_words(variant)}" if variant else ""
    return Entry(f"{display_name(state, download.id)}{words}: {transfer(download).word}")


def _model_entry(state: EngineState, variant: VariantEntry) -> Entry | None:
    name = f"{display_name(state, variant.id)}, {variant_words(variant)}"
    match variant.status:
        case Ready():
            return Entry(f"Unload {name}", f"unload {variant.id}")
        case Unloaded() if variant.component is None and not variant.rejected:
            return Entry(f"Load {name}", f"load {variant.id}")
        case status if is_moving(status):
            return Entry(f"{name}: {status_word(status)}")
        case _:
            return None
