"""What concerns the window and not the engine: whether it starts when its user logs in. Holds at once."""

from PySide6.QtGui import QShowEvent

from app import start_at_login
from app.actions import Actions
from app.dashboard.setting_row import choice_line
from app.setting_words import ON_OFF
from app.tokens import GRID
from app.widgets.card import Card
from app.widgets.choice import Choice
from app.widgets.text import label

NAME = "Start at login"
SENTENCE = "Start Spark in the tray, without its window, when you log in."
ELSEWHERE = "Spark does not know how programs are started at login on this system."


class LoginCard(Card):
    """Reads what the system says whenever it comes into sight: others may change it too."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions, supported = actions, start_at_login.is_supported()
        self.field, sentence = Choice(NAME), SENTENCE if supported else ELSEWHERE
        self.field.setEnabled(supported)
        for word, value in ON_OFF:
            self.field.addItem(word, value)
        self.column.setSpacing(GRID + 4)
        self.column.addWidget(label("This app", "lead"))
        self.column.addLayout(choice_line(NAME, sentence, self.field))
        self.field.activated.connect(self._turn)
        self.look()

    def matches(self, wanted: str) -> bool:
        """Whether somebody who looks for this, in small letters, means this card."""
        return wanted in f"{NAME} {SENTENCE}".lower()

    def look(self) -> None:
        """Show how it is."""
        self.field.setCurrentIndex(self.field.findData(start_at_login.is_on()))

    def showEvent(self, event: QShowEvent) -> None:
        """Qt: it comes into sight."""
        super().showEvent(event)
        self.look()

    def _turn(self) -> None:
        self._actions.start_at_login(bool(self.field.currentData()))
        self.look()
