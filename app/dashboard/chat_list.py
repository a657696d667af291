"""The conversations at the side of the Chat page: newest first, found by any word in them, renamed and deleted."""

from PySide6.QtCore import QPoint, QTimer, Signal
from PySide6.QtWidgets import QFrame, QMenu, QVBoxLayout, QWidget

from app.asking import Inquiry, can_ask
from app.chats.record import Card
from app.dashboard.chat_desk import MENU, ChatDesk
from app.moments import moment
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.confirmation import Confirmation
from app.widgets.entry_list import EntryList, ListEntry
from app.widgets.field import Field
from app.widgets.text import label, show_text
from app.words import counted

WIDTH = 240
TYPING_MS = 200
DELETE_ALL = "delete_all"


class ChatList(QFrame):
    """Follows what is kept. `settings_wanted`: somebody wants to change whether it is."""

    settings_wanted = Signal()

    def __init__(self, desk: ChatDesk) -> None:
        super().__init__()
        self._desk, self._keeper = desk, desk.keeper
        self.setProperty("look", "side")
        self.setFixedWidth(WIDTH)
        self.finder = Field("Find conversations by any word", "Find in conversations")
        self.list, self.note = EntryList("Conversations"), label(look="small", wrap=True)
        self.settings, self.question = Button("Settings", look="plain"), Confirmation()
        self._search, self._found = Inquiry(self), dict[str, str]()
        self._typing = QTimer(self, singleShot=True, interval=TYPING_MS)
        self.menu_shown: QMenu | None = None
        self._arrange()
        self._connect()
        self._draw()

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID + 4, 2 * GRID, GRID, GRID)
        column.setSpacing(GRID)
        column.addWidget(self.finder)
        column.addWidget(self.question)
        column.addWidget(self.list, 1)
        foot = QWidget()
        below = QVBoxLayout(foot)
        below.setContentsMargins(GRID // 2, 0, 0, 0)
        below.setSpacing(0)
        below.addWidget(self.note)
        below.addWidget(self.settings)
        column.addWidget(foot)
        self.question.turn_upright()

    def _connect(self) -> None:
        talk = self._desk.talk
        for signal in (self._keeper.listed, talk.opened, talk.asked, talk.ended):
            signal.connect(self._draw)
        self.list.chosen.connect(self._desk.open)
        self.list.renamed.connect(self._desk.rename)
        self.list.unwanted.connect(self._desk.delete)
        self.list.asked.connect(self._open_menu)
        self.finder.textChanged.connect(lambda: self._typing.start())
        self._typing.timeout.connect(self._seek)
        self._search.answered.connect(self._show_found)
        self.question.confirmed.connect(self._desk.delete_all)
        self.settings.clicked.connect(self.settings_wanted)

    @property
    def has_any(self) -> bool:
        """Whether there is something to choose from."""
        return bool(self._keeper.cards) or not self._keeper.keeps

    def act(self, id: str, key: str) -> None:
        """Do what a line of the menu says with a conversation."""
        match key:
            case "rename":
                self.list.rename(id)
            case "delete":
                self._desk.delete(id)
            case "delete_all":
                self.ask_delete_all()
            case _:
                self._desk.hand_on(id, key)

    def ask_delete_all(self) -> None:
        """Ask before every conversation is deleted."""
        count = counted(len(self._keeper.cards), "conversation", "conversations")
        self.question.ask(f"Delete {count}? This cannot be undone.", "Delete all", "Keep")

    def _open_menu(self, id: str, place: QPoint) -> None:
        menu = QMenu(self)
        for entry in MENU:
            menu.addAction(entry.words).triggered.connect(
                lambda checked=False, key=entry.key: self.act(id, key)
            )
        menu.addSeparator()
        menu.addAction("Delete all…").triggered.connect(self.ask_delete_all)
        menu.aboutToHide.connect(menu.deleteLater)
        self.menu_shown = menu
        menu.popup(place)

    def _seek(self) -> None:
        words = self.finder.text().strip()
        if words and can_ask():
            self._search.ask(lambda: self._keeper.search(words), "search")
        else:
            self._search.drop()
            self._found = {}
            self._draw()

    def _show_found(self, found: object) -> None:
        self._found = found if isinstance(found, dict) else {}
        self._draw()

    def _draw(self) -> None:
        words, open_id = self.finder.text().casefold().split(), self._desk.talk.talk.id
        cards = [c for c in self._keeper.cards if not (c.is_draft and c.id == open_id)]
        if words:
            cards = [c for c in cards if c.id in self._found or all(w in c.name.casefold() for w in words)]
        self.list.show_entries([ListEntry(c.id, c.name, self._line(c)) for c in cards], open_id)
        self.finder.setVisible(bool(self._keeper.cards))
        show_text(self.note, self._note(bool(cards), bool(words)))
        self.settings.setVisible(not self._keeper.keeps)

    def _line(self, card: Card) -> str:
        if self._found.get(card.id):
            return self._found[card.id]
        if self._desk.talk.is_writing(card.id):
            return "answering…"
        return "draft" if card.is_draft else moment(card.changed)

    def _note(self, has_any: bool, is_search: bool) -> str:
        if not self._keeper.keeps:
            return "New conversations are not kept."
        if is_search:
            return "" if has_any else "No conversation has these words."
        if self._keeper.is_full:
            return f"The newest {len(self._keeper.cards)} are kept."
        return "" if has_any else "Conversations are kept here, on this machine only."
