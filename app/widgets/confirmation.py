"""A question before something is done: what will happen, and two buttons or three; Esc leaves everything as it is."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QBoxLayout, QFrame

from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.escape import keeps_escape
from app.widgets.text import label


class Confirmation(QFrame):
    """Stands where it was asked for, not in a window of its own. `confirmed`, `otherwise` (a third
    button) or `declined`, then it hides itself.
    """

    confirmed = Signal()
    otherwise = Signal()
    declined = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("look", "inset")
        self.words = label(wrap=True)
        self.keep, self.other, self.go_on = Button("Keep"), Button("Other"), Button("Go on")
        self.other.hide()
        line = self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        line.setContentsMargins(GRID + 4, GRID, GRID, GRID)
        line.setSpacing(GRID)
        line.addWidget(self.words, 1)
        for button in (self.keep, self.other, self.go_on):
            button.wear("inset")
            line.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.keep.clicked.connect(lambda: self._end(self.declined))
        self.other.clicked.connect(lambda: self._end(self.otherwise))
        self.go_on.clicked.connect(lambda: self._end(self.confirmed))
        self.hide()

    def turn_upright(self) -> None:
        """For narrow places: the buttons stand below the words."""
        self._line.setDirection(QBoxLayout.Direction.TopToBottom)

    def ask(self, question: str, yes: str, no: str, other: str = "") -> None:
        """Ask; the button that changes nothing has the focus. `other`: the third button's word."""
        self.words.setText(question)
        self.setAccessibleName(question)
        self.keep.say(no)
        self.go_on.say(yes)
        self.other.say(other)
        self.other.setVisible(bool(other))
        for button in (self.keep, self.other, self.go_on):
            button.setAccessibleDescription(question)
        self.show()
        self.keep.setFocus(Qt.FocusReason.OtherFocusReason)

    def event(self, event: QEvent) -> bool:
        """Qt: Esc belongs to the question while it has the focus, not to the window's shortcut."""
        return keeps_escape(event) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: a key."""
        if event.key() == Qt.Key.Key_Escape:
            self._end(self.declined)
        else:
            super().keyPressEvent(event)

    def _end(self, signal: object) -> None:
        self.hide()
        signal.emit()  # type: ignore[attr-defined]
