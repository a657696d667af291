"""One number that may be chosen or left to its default: a field that shows the default while it is empty."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.field import Field
from app.widgets.text import label, show_text

WIDTH = 88


class ParameterRow(QWidget):
    """`read` turns what is typed into a number (None: nothing is typed) or raises ValueError with a sentence.
    `changed` when another sound value stands in it.
    """

    changed = Signal()

    def __init__(self, name: str, sentence: str, read: Callable[[str], float | int | None]) -> None:
        super().__init__()
        self._read = read
        self.value: float | int | None = None
        self.field = Field(name, width=WIDTH)
        self.reset = Button("", "arrow-counter-clockwise", "plain", name=f"Back to the default: {name}")
        self.trouble = label(look="bad", wrap=True)
        words = label(name)
        for part in (words, self.field):
            part.setToolTip(sentence)
        self.field.setAccessibleDescription(sentence)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(0)
        line: tuple[QWidget, ...] = (words, self.field, self.reset)
        for column, widget in enumerate(line):
            grid.addWidget(widget, 0, column, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(label(sentence, "small", wrap=True), 1, 0, 1, 3)
        grid.addWidget(self.trouble, 2, 0, 1, 3)
        grid.setColumnStretch(0, 1)
        grid.setContentsMargins(0, 0, 0, GRID // 2)
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        self.field.textChanged.connect(self._follow)
        self.reset.clicked.connect(self._back)
        self.put(None)

    def put(self, value: float | int | None) -> None:
        """Show a value; None: the default."""
        self.value = value
        self.field.setText("" if value is None else f"{value:g}" if isinstance(value, float) else str(value))
        self._follow()

    def show_default(self, words: str) -> None:
        """What holds while nothing is typed."""
        self.field.setPlaceholderText(words)

    def _back(self) -> None:
        self.field.clear()
        self.field.setFocus()

    def _follow(self) -> None:
        self.reset.setVisible(bool(self.field.text()))
        try:
            value, trouble = self._read(self.field.text()), ""
        except ValueError as error:
            value, trouble = self.value, str(error)
        show_text(self.trouble, trouble)
        if bool(self.field.property("wrong")) is not bool(trouble):
            self.field.setProperty("wrong", bool(trouble))
            self.field.style().unpolish(self.field)
            self.field.style().polish(self.field)
        if value != self.value:
            self.value = value
            self.changed.emit()
