"""The button with three dots: opens a menu whose lines are made when it is opened."""

from collections.abc import Callable, Sequence

from msgspec import Struct
from PySide6.QtCore import QPoint, QSize, Signal
from PySide6.QtWidgets import QMenu

from app.tokens import ICON_BODY
from app.widgets.button import Button


class MenuEntry(Struct, frozen=True):
    """One line: its words and the key of what it does."""

    words: str
    key: str


class MenuButton(Button):
    """`chosen(key)` when a line is chosen; `entries` is asked for the lines each time."""

    chosen = Signal(str)

    def __init__(self, name: str, entries: Callable[[], Sequence[MenuEntry]]) -> None:
        super().__init__("", "dots-three-bold", "plain", name=name)
        self.setIconSize(QSize(ICON_BODY, ICON_BODY))
        self._entries = entries
        self.menu_shown: QMenu | None = None
        self.clicked.connect(self._open)

    def _open(self) -> None:
        menu = QMenu(self)
        for entry in self._entries():
            action = menu.addAction(entry.words)
            action.triggered.connect(lambda checked=False, key=entry.key: self.chosen.emit(key))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.aboutToHide.connect(self._forget)
        self.menu_shown = menu
        corner = self.mapToGlobal(QPoint(self.width() - menu.sizeHint().width(), self.height() + 2))
        menu.popup(corner)

    def _forget(self) -> None:
        self.menu_shown = None
