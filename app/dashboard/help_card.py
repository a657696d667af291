"""F1: the keys of the window, and where one gets on: the guide that answers, the API's description, the logs."""

from PySide6.QtWidgets import QGridLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.shortcuts import SHORTCUTS, page_keys
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row, rule
from app.widgets.overlay import Overlay
from app.widgets.text import label

GUIDE = "Spark nano knows how to use Spark: ask it in the chat. The logs say what happened."


class HelpCard(Overlay):
    """Closes itself when one of its buttons leads elsewhere."""

    def __init__(self, behind: QWidget, context: Context) -> None:
        super().__init__(behind, "Help")
        self._context = context
        self.ask = Button("Ask in chat", "chat-circle-text", "primary")
        self.logs = Button("Open logs", "file-text")
        self.describe = Button("Copy API docs link", "copy", name="Copy the address of the API's description")
        self.column.addWidget(label(GUIDE, "quiet", wrap=True))
        self.column.addLayout(row(self.ask, self.logs, self.describe, None))
        self.column.addWidget(rule())
        self.column.addLayout(_keys())
        self.ask.clicked.connect(lambda: self._leave("chat"))
        self.logs.clicked.connect(lambda: self._leave("logs"))
        self.describe.clicked.connect(self._copy)

    def bring_up(self) -> None:
        """Show it with what there is now."""
        self.describe.setEnabled(self._context.store.state is not None)
        super().bring_up()

    def _leave(self, page: str) -> None:
        self.put_away()
        self._context.go(page)

    def _copy(self) -> None:
        state = self._context.store.state
        if state is not None:
            self.put_away()
            self._context.actions.copy(f"{state.engine.address}/docs", "The address")


def _keys() -> QGridLayout:
    """Two columns: keys and what they do."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(3 * GRID)
    grid.setVerticalSpacing(GRID // 2)
    grid.setColumnStretch(1, 1)
    pages = list(page_keys().values())
    lines = [(f"{pages[0]} … {pages[-1]}", "The pages, from top to bottom")]
    lines += [(shortcut.keys, shortcut.words) for shortcut in SHORTCUTS]
    for at, (keys, words) in enumerate(lines):
        grid.addWidget(label(keys, "mono"), at, 0)
        grid.addWidget(label(words, "quiet", wrap=True), at, 1)
    return grid
