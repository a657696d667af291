"""One program that uses Spark: what it asked, its share, and pausing, blocking and ranking it."""

from PySide6.QtWidgets import QWidget

from app.actions import Actions
from app.app_words import RANKS, asked, place, seen, share_words, standing
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import Card, row
from app.widgets.chip import Chip
from app.widgets.choice import Choice
from app.widgets.menu_button import MenuButton, MenuEntry
from app.widgets.meter import Meter
from app.widgets.text import ElidedLabel, label
from spark_engine.types.apps import AppEntry


class AppRow(Card):
    """Shows an app; changes in place."""

    def __init__(self, app: AppEntry, actions: Actions) -> None:
        super().__init__()
        self._app, self._actions = app, actions
        self._name, self.chip = ElidedLabel(app.name, "lead", snug=True), Chip(bare=True)
        self._path, self._asked, self._seen = (
            ElidedLabel(place(app), "mono"), label(wrap=True), label(look="small", wrap=True),
        )  # fmt: skip
        self.meter, self._share = Meter(f"Share of {app.name}"), label(look="small")
        self.rank = Choice(f"Whose requests go first: {app.name}")
        self.pause, self.block = Button(), Button()
        self.more = MenuButton(f"More for {app.name}", self._menu)
        for key, word in RANKS.items():
            self.rank.addItem(word, key)
        self._arrange()
        self.pause.clicked.connect(self._pause)
        self.block.clicked.connect(self._unblock)
        self.rank.activated.connect(self._choose_rank)
        self.more.chosen.connect(self._choose)
        self.show_app(app)

    def _arrange(self) -> None:
        self.column.setSpacing(GRID // 2)
        buttons: tuple[QWidget, ...] = (self.rank, self.pause, self.block, self.more)
        self.column.addLayout(row(self._name, self.chip, None, *buttons))
        self.column.addWidget(self._path)
        self.column.addSpacing(GRID // 2)
        self.column.addWidget(self._asked)
        self.column.addLayout(row(self.meter, self._share, None))
        self.column.addWidget(self._seen)

    def show_app(self, app: AppEntry) -> None:
        """Show what it did and what was decided."""
        self._app = app
        mark = standing(app)
        self._name.show_whole(app.name)
        self.chip.show_state(mark.word, mark.tone, mark.shape)
        self._path.show_whole(place(app))
        self._asked.setText(asked(app))
        self._seen.setText(seen(app))
        for part in (self.meter, self._share):
            part.setVisible(app.compute_ms > 0)
        self.meter.show_shares(app.share, 0.0, share_words(app))
        self._share.setText(share_words(app))
        self.rank.setCurrentIndex(list(RANKS).index(app.rank))
        self._show_buttons(app)
        self.setAccessibleName(f"{app.name}: {mark.word}")

    def show_busy(self) -> None:
        """A decision about it was asked for, or is answered."""
        busy = self._actions.is_busy(f"app:{self._app.id}")
        for part in (self.pause, self.block, self.rank):
            part.setEnabled(not busy)

    def _show_buttons(self, app: AppEntry) -> None:
        word = "Resume" if app.paused else "Pause"
        self.pause.say(word, f"{word}: {app.name}")
        self.pause.setVisible(not app.blocked)
        self.block.say("Unblock", f"Unblock: {app.name}")
        self.block.setVisible(app.blocked)

    def _pause(self) -> None:
        if self._app.paused:
            self._actions.resume_app(self._app.id)
        else:
            self._actions.pause_app(self._app.id)

    def _unblock(self) -> None:
        self._actions.unblock_app(self._app.id)

    def _choose_rank(self, index: int) -> None:
        self._actions.rank_app(self._app.id, list(RANKS)[index])

    def _menu(self) -> list[MenuEntry]:
        block = [] if self._app.blocked else [MenuEntry("Block", "block")]
        copy = [MenuEntry("Copy path", "copy")] if self._app.path else []
        return [*block, *copy, MenuEntry("Copy name for the command line", "copy_id")]

    def _choose(self, key: str) -> None:
        match key:
            case "block":
                self._actions.block_app(self._app.id)
            case "copy":
                self._actions.copy(place(self._app), "The path")
            case "copy_id":
                self._actions.copy(self._app.id, "The name")
