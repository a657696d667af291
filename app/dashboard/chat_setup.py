"""How the open conversation's model is to answer: the system prompt and the parameters, with the model's own shown."""

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from app.chats.setup import PARAMETERS, Parameters, Setup
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.panel import Panel
from app.widgets.parameter_row import ParameterRow
from app.widgets.text import label
from spark_engine.types.generation import SamplingOptions

WIDTH = 304
SYSTEM_HEIGHT = 112


class ChatSetup(Panel):
    """`changed(setup)` as soon as another sound value stands in it; `preferred(setup)`: new ones are to begin so."""

    changed = Signal(object)
    preferred = Signal(object)

    def __init__(self) -> None:
        super().__init__("How it answers", "How it answers")
        self.setFixedWidth(WIDTH)
        self.system = _system_field()
        self.rows = {p.key: ParameterRow(p.name, p.sentence, p.read) for p in PARAMETERS}
        self.advice = label(look="small", wrap=True)
        self.reset = Button("Reset all")
        self.prefer = Button("Use for new chats")
        self._is_showing = False
        self._arrange()
        self.system.textChanged.connect(self._tell)
        for one in self.rows.values():
            one.changed.connect(self._tell)
        self.reset.clicked.connect(lambda: self._put(Setup(), tell=True))
        self.prefer.clicked.connect(lambda: self.preferred.emit(self.setup))
        self._follow()

    def _arrange(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, GRID + 6, 0)
        column.setSpacing(GRID)
        column.addWidget(label("System prompt"))
        column.addWidget(self.system)
        column.addWidget(self.advice)
        for one in self.rows.values():
            column.addWidget(one)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(content)
        for part in (content, area.viewport()):
            part.setAutoFillBackground(False)
        self.column.addWidget(area, 1)
        self.column.addLayout(row(self.reset, self.prefer, None))
        for button in (self.reset, self.prefer):
            button.wear("inset")

    @property
    def setup(self) -> Setup:
        """What stands in it."""
        values: dict[str, Any] = {key: one.value for key, one in self.rows.items()}
        return Setup(self.system.toPlainText(), Parameters(**values))

    def show_setup(self, setup: Setup) -> None:
        """Show how a conversation's model is to answer."""
        if setup != self.setup:
            self._put(setup)

    def show_advice(self, name: str, advised: SamplingOptions) -> None:
        """Which model's own values stand where nothing is chosen."""
        self.advice.setText(f"An empty field keeps the value it shows, as advised for {name or 'the model'}.")
        for parameter in PARAMETERS:
            self.rows[parameter.key].show_default(parameter.default(advised))

    def _put(self, setup: Setup, *, tell: bool = False) -> None:
        self._is_showing = True
        self.system.setPlainText(setup.system)
        for key, one in self.rows.items():
            one.put(getattr(setup.parameters, key))
        self._is_showing = False
        self._follow()
        if tell:
            self.changed.emit(setup)

    def _tell(self) -> None:
        if not self._is_showing:
            self._follow()
            self.changed.emit(self.setup)

    def _follow(self) -> None:
        self.reset.setEnabled(self.setup != Setup() or any(o.field.text() for o in self.rows.values()))


def _system_field() -> QPlainTextEdit:
    field = QPlainTextEdit()
    field.setAccessibleName("System prompt")
    field.setPlaceholderText("What the model is told before everything else, as in: Answer in French.")
    field.setTabChangesFocus(True)
    field.setFrameShape(QFrame.Shape.NoFrame)
    field.setProperty("look", "field")
    field.setFixedHeight(SYSTEM_HEIGHT)
    return field
