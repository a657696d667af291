"""The engine's settings as cards, a card per group: made one at a time, and searched."""

from collections.abc import Mapping

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout

from app.dashboard.setting_row import SettingRow
from app.tokens import GRID
from app.widgets.card import Card, rule
from app.widgets.text import label
from spark_engine.types.settings import SettingEntry


class SettingGroup(Card):
    """The settings of one group. `changed` when somebody types or chooses in one of them."""

    changed = Signal()

    def __init__(self, title: str, entries: list[SettingEntry]) -> None:
        super().__init__()
        self.rows = [SettingRow(entry) for entry in entries]
        self.column.setSpacing(GRID + 4)
        self.column.addWidget(label(title, "lead"))
        for at, made in enumerate(self.rows):
            if at:
                self.column.addWidget(rule())
            self.column.addWidget(made)
            made.changed.connect(self.changed)

    def seek(self, wanted: str) -> bool:
        """Show only settings in whose name, key or sentence (small letters) it is found; whether there are any."""
        for made in self.rows:
            known = made.entry.setting
            made.setVisible(wanted in f"{known.key} {known.name} {known.sentence}".lower())
        found = any(not made.isHidden() for made in self.rows)
        self.setVisible(found)
        return found


class SettingGroups(QObject):
    """Puts its cards before the last item of `column`, a card at a time, so that the window is never held up.
    `added`: there is one more, `completed`: they are all there, `changed`: somebody types or chooses.
    """

    added = Signal()
    completed = Signal()
    changed = Signal()

    def __init__(self, column: QVBoxLayout, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: dict[str, SettingRow] = {}
        self._column, self._cards = column, list[SettingGroup]()
        self._entries: Mapping[str, SettingEntry] = {}
        self._unmade: list[tuple[str, list[str]]] = []
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
        self._unmade = list(groups.items())
        self._make_next()

    def _make_next(self) -> None:
        if not self._unmade:
            self.completed.emit()
            return
        title, keys = self._unmade.pop(0)
        card = SettingGroup(title, [self._entries[key] for key in keys])
        card.changed.connect(self.changed)
        self._cards.append(card)
        self.rows |= {made.entry.setting.key: made for made in card.rows}
        self._column.insertWidget(self._column.count() - 1, card)
        self.added.emit()
        self._timer.start()
