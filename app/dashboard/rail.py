"""The rail at the left: Spark's mark and one entry per page; it folds to icons where the window is narrow."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.dashboard.pages import PAGES
from app.dashboard.shortcuts import page_keys
from app.tokens import GRID, ICON_BODY, ICON_LARGE
from app.tray_icon import mark
from app.widgets.button import Button
from app.widgets.text import label

WIDE, NARROW = 176, 64


class Rail(QWidget):
    """`chosen` carries the id of a page."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("look", "rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._word = label("Spark", "lead")
        self.buttons = {
            page.id: self._entry(page.id, page.word, page.glyph, keys)
            for page, keys in zip(PAGES, page_keys().values(), strict=True)
        }
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, GRID + 4, GRID, GRID)
        column.setSpacing(2)
        column.addLayout(self._head())
        column.addSpacing(GRID + 4)
        for button in self.buttons.values():
            column.addWidget(button)
        column.addStretch(1)
        self.fold(False)

    def _head(self) -> QHBoxLayout:
        sign = QLabel()
        sign.setPixmap(mark().pixmap(ICON_LARGE, ICON_LARGE))
        line = QHBoxLayout()
        line.setContentsMargins(GRID, 0, 0, 0)
        line.setSpacing(GRID)
        line.addWidget(sign)
        line.addWidget(self._word, 1)
        return line

    def _entry(self, id: str, word: str, glyph: str, keys: str) -> Button:
        button = Button(f"  {word}", glyph, "entry", name=word)
        button.setIconSize(QSize(ICON_BODY, ICON_BODY))
        button.setSizePolicy(button.sizePolicy().Policy.Expanding, button.sizePolicy().Policy.Fixed)
        button.setCheckable(True)
        button.setToolTip(f"{word} ({keys})")
        button.clicked.connect(lambda: self.chosen.emit(id))
        return button

    def show_page(self, id: str) -> None:
        """Mark the page that is in front."""
        for page, button in self.buttons.items():
            button.setChecked(page == id)

    def fold(self, folded: bool) -> None:
        """Icons only, or icons with words."""
        self.setFixedWidth(NARROW if folded else WIDE)
        self._word.setVisible(not folded)
        for page in PAGES:
            self.buttons[page.id].setText("" if folded else f"  {page.word}")
