"""Settings: every one of the engine's, made from its own list; checked while one types, saved in one step."""

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.asking import Inquiry, can_ask
from app.dashboard.context import Context
from app.dashboard.page import CardPage
from app.dashboard.setting_row import SettingRow
from app.link import Connected, Refused, Stopped
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import Card, row, rule
from app.widgets.field import Field
from app.widgets.save_bar import SaveBar
from app.widgets.tab_order import follow_reading_order
from app.widgets.text import label, show_text
from app.words import counted, plain
from spark_engine.errors import SparkError
from spark_engine.types.settings import SettingEntry, SettingValue


class SettingsPage(CardPage):
    """Asks the engine for its settings when it comes into sight and whenever they were changed elsewhere."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.rows: dict[str, SettingRow] = {}
        self._cards: list[tuple[Card, list[SettingRow]]] = []
        self.finder = Field("Find a setting by name", "Find a setting", width=200)
        self.file = Button("Open folder", "folder-open", name="Open the folder with spark.toml")
        self.nothing, self.bar = label(look="quiet", wrap=True), SaveBar()
        self._entries, self._saving = Inquiry(self), Inquiry(self)
        self._told, self._refused, self._seen = "", "", -1
        self._sought = ""
        self._latest: dict[str, SettingEntry] = {}
        self._unmade: list[tuple[str, list[str]]] = []
        self._maker = QTimer(self, singleShot=True, interval=0)
        self._tabs = QTimer(self, singleShot=True, interval=0)
        self._arrange()
        self._connect()
        self._draw()

    def _arrange(self) -> None:
        self.column.addLayout(row(label("Settings", "title"), None, self.finder, self.file))
        self.column.addWidget(self.nothing)
        self.column.addStretch(1)
        self.nothing.hide()
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._stack.removeWidget(self.area)
        column.addWidget(self.area, 1)
        column.addWidget(self.bar)
        self._stack.insertWidget(0, whole)
        self.area.show()

    def _connect(self) -> None:
        self._store.link_changed.connect(self._draw)
        self._store.settings_changed.connect(self._look_again)
        self.empty.acted.connect(self._act)
        self.finder.textChanged.connect(self._seek)
        self.file.clicked.connect(lambda: self._context.actions.show_folder(str(self._context.base.root)))
        self.bar.saved.connect(self._save)
        self.bar.discarded.connect(self._discard)
        self.bar.followed.connect(self._context.actions.restart_engine)
        self._entries.answered.connect(self._take)
        self._entries.refused.connect(self._not_read)
        self._saving.answered.connect(self._saved)
        self._saving.refused.connect(self._not_saved)
        self._saving.moved.connect(self._show_bar)
        self._context.actions.busy_changed.connect(lambda key: self._show_bar())
        self._tabs.timeout.connect(lambda: follow_reading_order([self]))
        self._maker.timeout.connect(self._make_next)

    def recheck(self) -> None:
        """F5: ask anew."""
        self._ask()

    def showEvent(self, event: QShowEvent) -> None:
        """Qt: it comes into sight."""
        super().showEvent(event)
        self._ask()

    def _act(self) -> None:
        if isinstance(self._store.link, (Refused, Stopped)):
            self._context.actions.start_engine()
        else:
            self._ask()

    # --- what there is -------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if self._store.state is None or not isinstance(self._store.link, Connected):
            self._seen = -1
            file = self._context.base.settings_file
            self.show_absence(self._store, f"Start it to change its settings here, or edit {file}.")
        else:
            self._ask()
            self._show_what_there_is()

    def _show_what_there_is(self) -> None:
        if self.rows:
            self.show_cards()
        elif self._refused:
            self.show_empty("warning-circle", "The settings cannot be read", self._refused, "Try again")
        else:
            self.show_empty("hourglass", "Reading the settings", "This takes a moment.", "Read again")

    def _look_again(self) -> None:
        state = self._store.live
        if state is not None and state.settings_changes != self._seen:
            self._ask()

    def _ask(self) -> None:
        if self.isVisible() and self._store.live is not None and can_ask():
            self._seen = self._store.live.settings_changes
            self._entries.ask(self._context.actions.client.settings, "settings")

    def _take(self, entries: object) -> None:
        if isinstance(entries, dict):
            self._refused = ""
            self.show_settings(entries)
            if self._store.live is not None:
                self._show_what_there_is()

    def _not_read(self, error: SparkError) -> None:
        self._refused = plain(f"{error.message} {error.remedy}")
        if self._store.live is not None:
            self._show_what_there_is()

    def show_settings(self, entries: dict[str, SettingEntry]) -> None:
        """Show these; what was typed and is not saved stays."""
        is_other = list(entries) != list(self._latest)
        self._latest = entries
        if is_other:
            self._make(entries)
        for key, made in self.rows.items():
            made.show_entry(entries[key])
        self._show_bar()

    def _make(self, entries: dict[str, SettingEntry]) -> None:
        for card, _ in self._cards:
            card.hide()
            card.deleteLater()
        self.rows, self._cards = {}, []
        groups: dict[str, list[str]] = {}
        for key, entry in entries.items():
            groups.setdefault(entry.group or entry.setting.section, []).append(key)
        self._unmade = list(groups.items())
        self._make_next()

    def _make_next(self) -> None:
        """A card at a time, so that the window is never held up."""
        if self._unmade:
            group, keys = self._unmade.pop(0)
            self._add_card(group, [self._latest[key] for key in keys])
            self._seek()
            self._maker.start()
        else:
            self._tabs.start()

    def _add_card(self, group: str, members: list[SettingEntry]) -> None:
        card, rows = Card(), [SettingRow(entry) for entry in members]
        card.column.setSpacing(GRID + 4)
        card.column.addWidget(label(group, "lead"))
        for at, made in enumerate(rows):
            if at:
                card.column.addWidget(rule())
            card.column.addWidget(made)
            made.changed.connect(self._edited)
            self.rows[made.entry.setting.key] = made
        self._cards.append((card, rows))
        self.column.insertWidget(self.column.count() - 1, card)

    def _seek(self) -> None:
        """Only settings in whose name, key or sentence it is found."""
        wanted = self.finder.text().strip().lower()
        if not wanted and self._sought == wanted:
            return
        self._sought, found = wanted, False
        for card, rows in self._cards:
            for made in rows:
                known = made.entry.setting
                made.setVisible(wanted in f"{known.key} {known.name} {known.sentence}".lower())
            hits = [made for made in rows if not made.isHidden()]
            card.setVisible(bool(hits))
            found = found or bool(hits)
        show_text(self.nothing, "" if found or not wanted else f"No setting is found for “{wanted}”.")

    # --- what people want ----------------------------------------------------------------------------------

    @property
    def changed_rows(self) -> dict[str, SettingRow]:
        """What is not saved yet."""
        return {key: made for key, made in self.rows.items() if made.is_changed}

    def _edited(self) -> None:
        self._told = ""
        self._show_bar()

    def _show_bar(self) -> None:
        changed = self.changed_rows
        if changed:
            words = self._told or f"{counted(len(changed), 'change is', 'changes are')} not saved."
            sound = not any(made.is_wrong for made in changed.values()) and not self._saving.is_open
            self.bar.show_words(words, unsaved=True, sound=sound)
            return
        waiting = [made for made in self.rows.values() if made.entry.waits_for_restart]
        if waiting:
            names = ", ".join(made.entry.setting.name for made in waiting)
            restarting = self._context.actions.is_busy("restart_engine")
            words = "The engine is being restarted." if restarting else f"Saved. {names}: after a restart."
            self.bar.show_words(words, unsaved=False, follow="" if restarting else "Restart engine")
        else:
            self.bar.show_words("", unsaved=False)

    def _save(self) -> None:
        changes: dict[str, SettingValue | None] = {}
        for key, made in self.changed_rows.items():
            try:
                changes[key] = made.change
            except ValueError as error:
                made.show_trouble(str(error))
                return
        if changes and can_ask():
            self._saving.ask(lambda: self._context.actions.client.change_settings(changes), "save settings")

    def _saved(self, entries: object) -> None:
        if not isinstance(entries, dict):
            return
        for key, made in self.changed_rows.items():
            made.entry = entries[key]
            made.take_back()
        self._told = ""
        self.show_settings(entries)

    def _not_saved(self, error: SparkError) -> None:
        made = self.rows.get(error.param or "")
        if made is not None:
            made.show_trouble(error.message)
            self.area.ensureWidgetVisible(made)
        else:
            self._told = plain(f"{error.title}. {error.message} {error.remedy}")
        self._show_bar()

    def _discard(self) -> None:
        for made in self.changed_rows.values():
            made.take_back()
        self._told = ""
        self._show_bar()
