"""The choice of light or dark for the window. It holds at once, with or without an engine."""

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.setting_row import BEHIND_FIELD, FIELD_WIDTH
from app.notices import Notice
from app.preferences import ThemeChoice, keep_preferences, read_preferences
from app.theme import appearance
from app.tokens import GRID
from app.widgets.choice import Choice
from app.widgets.text import label

NAME, SENTENCE = "Appearance", "Light or dark, or whichever the system has."
WORDS: dict[ThemeChoice, str] = {"system": "As the system", "light": "Light", "dark": "Dark"}


class ThemeRow(QWidget):
    """Shows what was chosen; a choice is remembered."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self.field = context, Choice(NAME)
        self.field.setAccessibleDescription(SENTENCE)
        self.field.setFixedWidth(FIELD_WIDTH)
        for value, word in WORDS.items():
            self.field.addItem(word, value)
        self.field.setCurrentIndex(self.field.findData(read_preferences(context.base).theme))
        self.field.activated.connect(self._choose)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, BEHIND_FIELD, 0)
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(2)
        grid.addWidget(label(NAME), 0, 0)
        grid.addWidget(label(SENTENCE, "small", wrap=True), 1, 0)
        grid.addWidget(self.field, 0, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.setColumnStretch(0, 1)

    def matches(self, wanted: str) -> bool:
        """Whether somebody who looks for this, in small letters, means this row."""
        return wanted in f"{NAME} theme {SENTENCE}".lower()

    def _choose(self) -> None:
        base = self._context.base
        chosen = replace(read_preferences(base), theme=self.field.currentData())
        appearance().force(chosen.forced_theme)
        try:
            keep_preferences(base, chosen)
        except OSError as error:
            told = "It holds until Spark's window ends."
            notice = Notice("theme", "warn", "The choice could not be kept", told, details=str(error))
            self._context.board.post(notice)
