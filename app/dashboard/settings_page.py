"""Settings: every one of the engine's, made from its own list; checked while one types, saved in one step."""

from collections.abc import Sequence

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.asking import Inquiry, can_ask
from app.dashboard.context import Context
from app.dashboard.login_card import LoginCard
from app.dashboard.page import WAITING, CardPage
from app.dashboard.restart_question import RestartQuestion
from app.dashboard.setting_groups import SettingGroups
from app.dashboard.setting_row import SettingRow
from app.dashboard.theme_row import ThemeRow
from app.link import Connected, Refused, Stopped
from app.widgets.button import Button
from app.widgets.card import row, rule
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
        self.groups = SettingGroups(self.column, self)
        self.finder = Field("Find a setting by name", "Find a setting", width=200)
        self.file = Button("Open folder", "folder-open", name="Open the folder with spark.toml")
        self.nothing, self.bar = label(look="quiet", wrap=True), SaveBar()
        self.login, self.restart = LoginCard(context.actions), RestartQuestion(context)
        self.theme = ThemeRow(context)
        self._entries, self._saving = Inquiry(self), Inquiry(self)
        self._told, self._refused, self._seen = "", "", -1
        self._sought = ""
        self._tabs = QTimer(self, singleShot=True, interval=0)
        self._arrange()
        self._connect()
        self._draw()

    def _arrange(self) -> None:
        self.column.addLayout(row(label("Settings", "title"), None, self.finder, self.file))
        self.column.addWidget(self.nothing)
        self.column.addWidget(self.login)
        self.login.column.addWidget(rule())
        self.login.column.addWidget(self.theme)
        self.column.addStretch(1)
        self.nothing.hide()
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._stack.removeWidget(self.area)
        column.addWidget(self.area, 1)
        column.addWidget(self.restart)
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
        self.bar.followed.connect(self.restart.want)
        self._entries.answered.connect(self._take)
        self._entries.refused.connect(self._not_read)
        self._saving.answered.connect(self._saved)
        self._saving.refused.connect(self._not_saved)
        self._saving.moved.connect(self._show_bar)
        self._context.actions.busy_changed.connect(lambda key: self._show_bar())
        self._tabs.timeout.connect(lambda: follow_reading_order(self.regions))
        self.groups.added.connect(self._seek)
        self.groups.completed.connect(self._tabs.start)
        self.groups.changed.connect(self._edited)

    @property
    def regions(self) -> Sequence[QWidget]:
        """The bar below comes after everything that scrolls above it."""
        return (self.area, self.restart, self.bar, self.empty)

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
            told = "The settings cannot be read"
            self.show_empty("warning-circle", told, self._refused, "Try again", tone="bad")
        else:
            self.show_empty(WAITING, "Reading the settings", "This takes a moment.", "Read again")

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
        self.groups.show_settings(entries)
        self._show_bar()

    def _seek(self) -> None:
        """Only settings in whose name, key or sentence it is found."""
        wanted = self.finder.text().strip().lower()
        if not wanted and self._sought == wanted:
            return
        self._sought, found = wanted, self.login.matches(wanted) or self.theme.matches(wanted)
        self.login.setVisible(found)
        found = self.groups.seek(wanted) or found
        show_text(self.nothing, "" if found or not wanted else f"No setting is found for “{wanted}”.")

    # --- what people want ----------------------------------------------------------------------------------

    @property
    def rows(self) -> dict[str, SettingRow]:
        """A row for each setting, by its key."""
        return self.groups.rows

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
