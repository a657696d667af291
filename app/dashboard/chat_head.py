"""The line above a conversation: what it is called, who answers, and what else can be done with it."""

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from app.dashboard.chat_desk import MENU
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.choice import Choice
from app.widgets.menu_button import MenuButton
from app.widgets.text import ElidedLabel

WIDEST_CHOICE = 280


class ChatHead(QWidget):
    """Its parts are used by the page."""

    def __init__(self) -> None:
        super().__init__()
        self.show_list = Button("", "list", "plain", name="Show or hide conversations")
        self.title, self.picker = ElidedLabel("Chat", "title"), Choice("Model that answers (Ctrl+L)")
        self.show_setup = Button("", "sliders-horizontal", "plain", name="How it answers")
        self.more = MenuButton("More about this conversation", lambda: MENU)
        self.new_chat = Button("New chat", "note-pencil", name="New chat (Ctrl+N)")
        self.picker.setMaximumWidth(WIDEST_CHOICE)
        line = row(
            self.show_list, self.title, self.picker, self.show_setup, self.more, self.new_chat, spacing=4
        )
        line.setStretch(1, 1)
        line.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, GRID)
        self.setLayout(line)

    def offer(self, choices: Sequence[tuple[str, str]], chosen: str) -> str:
        """Let people choose among models, words and ids; the id of the one that answers now, the first for unknown."""
        if list(choices) != [
            (self.picker.itemText(i), self.picker.itemData(i)) for i in range(self.picker.count())
        ]:
            self.picker.clear()
            for words, id in choices:
                self.picker.addItem(words, id)
        at = max(self.picker.findData(chosen), 0)
        self.picker.setCurrentIndex(at)
        meant: str = self.picker.itemData(at)
        return meant
