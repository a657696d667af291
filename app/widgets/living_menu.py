"""A menu that follows a list of entries: lines change in place, so that one that is open stays as it is."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget


class Entry(Struct, frozen=True):
    """One line: its words and the key of what it does (empty: it only tells). No words: a line between others.

    `ticked` is whether it has a tick (None: it never has), `children` the menu that it opens.
    """

    words: str = ""
    key: str = ""
    ticked: bool | None = None
    children: tuple["Entry", ...] = ()


def for_menu(words: str) -> str:
    """Words as a line says them that Qt draws: an ampersand would mark a key."""
    return words.replace("&", "&&")


def for_bus(words: str) -> str:
    """Words as a line says them that the desktop draws: there an underscore marks a key, which Qt does not see to, and
    Qt makes one of the first ampersand."""
    return words.replace("_", "__").replace("&", "&&", 1)


class LivingMenu(QMenu):
    """`chosen` tells the entry that was clicked, here or in a menu below. `write` makes the words of a line."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None, write: Callable[[str], str] = for_menu) -> None:
        super().__init__(parent)
        self.write = write
        self._lines: list[Entry] = []
        self._below: dict[int, LivingMenu] = {}
        self._later: Sequence[Entry] | None = None
        self.aboutToHide.connect(self._catch_up)

    def show_entries(self, lines: Sequence[Entry]) -> None:
        """Show these. Where lines came or went, an open menu shows it once it is closed."""
        if _shape(lines) == _shape(self._lines) and self._lines:
            self._later = None
            self._renew(lines)
        elif self.isVisible():
            self._later = lines
        else:
            self._fill(lines)

    def _catch_up(self) -> None:
        later, self._later = self._later, None
        if later is not None:
            self._fill(later)

    def _fill(self, lines: Sequence[Entry]) -> None:
        self.clear()
        for menu in self._below.values():
            menu.deleteLater()
        self._below, self._lines = {}, list(lines)
        for place, line in enumerate(lines):
            if not line.words:
                self.addSeparator()
            elif line.children:
                self._below[place] = menu = LivingMenu(self, self.write)
                menu.chosen.connect(self.chosen)
                self.addMenu(menu)
                menu.menuAction().setText(self.write(line.words))
                menu.show_entries(line.children)
            else:
                action = self.addAction("")
                action.triggered.connect(lambda checked=False, place=place: self._choose(place))
                self._paint(action, line)

    def _renew(self, lines: Sequence[Entry]) -> None:
        before, self._lines = self._lines, list(lines)
        for place, (action, old, new) in enumerate(zip(self.actions(), before, lines, strict=True)):
            if old == new:
                continue
            if new.children:
                action.setText(self.write(new.words))
                self._below[place].show_entries(new.children)
            else:
                self._paint(action, new)

    def _choose(self, place: int) -> None:
        """Qt ticks by itself; what holds is what is told next."""
        line = self._lines[place]
        if line.ticked is not None:
            self.actions()[place].setChecked(line.ticked)
        self.chosen.emit(line)

    def _paint(self, action: QAction, line: Entry) -> None:
        action.setText(self.write(line.words))
        action.setEnabled(bool(line.key))
        action.setCheckable(line.ticked is not None)
        action.setChecked(bool(line.ticked))


def _shape(lines: Iterable[Entry]) -> list[tuple[bool, str, bool]]:
    """What each line does: a click must never do something else than what stood there."""
    return [(bool(line.words), line.key, bool(line.children)) for line in lines]
