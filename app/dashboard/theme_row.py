"""The choice of light or dark for the window. It holds at once, with or without an engine."""

from msgspec.structs import replace
from PySide6.QtWidgets import QWidget

from app.dashboard.context import Context
from app.dashboard.setting_row import choice_line
from app.notices import Notice
from app.preferences import ThemeChoice, keep_preferences, read_preferences
from app.theme import appearance
from app.widgets.choice import Choice

NAME, SENTENCE = "Appearance", "Light or dark, or whichever the system has."
WORDS: dict[ThemeChoice, str] = {"system": "As the system", "light": "Light", "dark": "Dark"}


class ThemeRow(QWidget):
    """Shows what was chosen; a choice is remembered."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self.field = context, Choice(NAME)
        for value, word in WORDS.items():
            self.field.addItem(word, value)
        self.field.setCurrentIndex(self.field.findData(read_preferences(context.base).theme))
        self.field.activated.connect(self._choose)
        self.setLayout(choice_line(NAME, SENTENCE, self.field))

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
