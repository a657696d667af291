"""The bar below a form: how much is not saved, saving and taking back, and what has to follow."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.text import label


class SaveBar(QWidget):
    """`saved`, `discarded` or `followed` when a button is pressed; hidden while there is nothing to do."""

    saved = Signal()
    discarded = Signal()
    followed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("look", "foot")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.words = label(wrap=True)
        self.follow = Button("", "arrow-clockwise")
        self.discard, self.save = Button("Discard"), Button("Save", look="primary")
        line = QHBoxLayout(self)
        line.setContentsMargins(3 * GRID, GRID, 3 * GRID, GRID)
        line.setSpacing(GRID)
        line.addWidget(self.words, 1)
        for button in (self.follow, self.discard, self.save):
            line.addWidget(button)
        self.follow.clicked.connect(self.followed)
        self.discard.clicked.connect(self.discarded)
        self.save.clicked.connect(self.saved)
        self.follow.hide()
        self.hide()

    def show_words(self, words: str, *, unsaved: bool, sound: bool = True, follow: str = "") -> None:
        """`unsaved`: there is something to save, and it can be if it is `sound`; `follow`: what is to be done next."""
        self.words.setText(words)
        self.save.setVisible(unsaved)
        self.discard.setVisible(unsaved)
        self.save.setEnabled(sound)
        self.follow.setVisible(bool(follow))
        if follow:
            self.follow.say(follow)
        self.setVisible(bool(words))
