"""The engine's settings as cards, a card per group: made a few rows at a time, and searched."""

from collections.abc import Mapping

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout

from app.dashboard.setting_row import SettingRow
from app.tokens import GRID
from app.widgets.card import Card, rule
from app.widgets.text import label
from spark_engine.types.settings import SettingEntry

ROWS_AT_ONCE = 2
"""A row takes about 5 ms to make and to lay out."""


class SettingGroup(Card):
    """The settings of one group. `changed` when somebody types or chooses in one of them."""

    changed = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title, self.rows = title, list[SettingRow]()
        self.column.setSpacing(GRID + 4)
        self.column.addWidget(label(title, "lead"))

    def add(self, entry: SettingEntry) -> SettingRow:
        """One more row at the end."""
        if self.rows:
            self.column.addWidget(rule())
        made = SettingRow(entry)
        made.changed.connect(self.changed)
        self.rows.append(made)
        self.column.addWidget(made)
        return made

    def seek(self, wanted: str) -> bool:
        """Show only settings in whose name, key or sentence (small letters) it is found; whether there are any."""
        for made in self.rows:
            known = made.entry.setting
            made.setVisible(wanted in f"{known.key} {known.name} {known.sentence}".lower())
        found = any(not made.isHidden() for made in self.rows)
        self.setVisible(found)
        return found


class SettingGroups(QObject):
    """Puts its cards before the last item of `column`, a few rows at a time, so that the window is never held up.
    `added`: there are more, `completed`: they are all there, `changed`: somebody types or chooses.
    """

    added = Signal()
    completed = Signal()
    changed = Signal()

    def __init__(self, column: QVBoxLayout, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: dict[str, SettingRow] = {}
        self._column, self._cards = column, list[SettingGroup]()
        self._entries: Mapping[str, SettingEntry] = {}
        self._unmade: list[tuple[str, str]] = []
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._make_next)

    @property
    def is_complete(self) -> bool:
        """Whether every setting has its row."""
        return bool(self._entries) and len(self.rows) == len(self._entries)

    def show_settings(self, entries: Mapping[str, SettingEntry]) -> None:
        """Show these; what was typed and is not saved stays. Where there are other settings all is made anew."""
        is_other = list(entries) != list(self._entries)
        self._entries = entries
        if is_other:
            self._make()
        for key, made in self.rows.items():
            made.show_entry(entries[key])

    def seek(self, wanted: str) -> bool:
        """Show only settings in which it is found; whether there are any."""
        found = [card.seek(wanted) for card in self._cards]
        return any(found)

    def _make(self) -> None:
        for card in self._cards:
            card.hide()
            card.deleteLater()
        self.rows, self._cards = {}, []
        groups: dict[str, list[str]] = {}
        for key, entry in self._entries.items():
            groups.setdefault(entry.group or entry.setting.section, []).append(key)
        self._unmade = [(title, key) for title, keys in groups.items() for key in keys]
        self._make_next()

    def _make_next(self) -> None:
        """Some rows; the others follow when the window has drawn these."""
        now, self._unmade = self._unmade[:ROWS_AT_ONCE], self._unmade[ROWS_AT_ONCE:]
        for title, key in now:
            self.rows[key] = self._card(title).add(self._entries[key])
        if now:
            self.added.emit()
            self._timer.start()
        else:
            self.completed.emit()

    def _card(self, title: str) -> SettingGroup:
        """The last card, or a new one for another group."""
        if not self._cards or self._cards[-1].title != title:
            card = SettingGroup(title)
            card.changed.connect(self.changed)
            self._cards.append(card)
            self._column.insertWidget(self._column.count() - 1, card)
        return self._cards[-1]
