"""The place of the chat page's setup: the panel is made when it is first opened, and then shows what it missed."""

from functools import cached_property

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.chats.setup import Setup
from app.dashboard.chat_setup import WIDTH, ChatSetup
from app.tokens import GRID
from app.widgets.card import row
from spark_engine.types.generation import SamplingOptions


class SetupSide(QWidget):
    """Hidden until it is opened. `changed`, `preferred` and `closed` are the panel's."""

    changed = Signal(object)
    preferred = Signal(object)
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._setup = Setup()
        self._advice: tuple[str, SamplingOptions] | None = None
        self._line = row()
        self._line.setContentsMargins(0, GRID, GRID, GRID)
        self.setLayout(self._line)
        self.hide()

    @cached_property
    def panel(self) -> ChatSetup:
        """The panel; asking for it makes it."""
        made = ChatSetup()
        made.hide()
        made.show_setup(self._setup)
        if self._advice is not None:
            made.show_advice(*self._advice)
        made.changed.connect(self.changed)
        made.preferred.connect(self.preferred)
        made.closed.connect(self.closed)
        self._line.addWidget(made)
        return made

    @property
    def is_open(self) -> bool:
        """Whether the panel is shown."""
        return "panel" in self.__dict__ and not self.panel.isHidden()

    @property
    def width_taken(self) -> int:
        """What it takes from the conversation (px)."""
        return WIDTH + GRID if self.is_open else 0

    def show_setup(self, setup: Setup) -> None:
        """Show how a conversation's model is to answer."""
        self._setup = setup
        if "panel" in self.__dict__:
            self.panel.show_setup(setup)

    def show_advice(self, name: str, advised: SamplingOptions) -> None:
        """See `ChatSetup.show_advice`."""
        self._advice = name, advised
        if "panel" in self.__dict__:
            self.panel.show_advice(name, advised)
