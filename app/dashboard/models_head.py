"""The top of the Models page: finding by name, looking again on disk, and adding a model."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.actions import Actions
from app.dashboard.add_model import AddModel
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.field import Field
from app.widgets.text import label

FIND_FROM = 9
"""With fewer models they can all be seen."""


class ModelsHead(QWidget):
    """`sought` when other models are looked for."""

    sought = Signal()

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self.finder = Field("Find a model by name", "Find by name", width=200)
        self.rescan = Button("Rescan", "arrow-clockwise", name="Look again for models on disk (F5)")
        self.rescan.setToolTip("Look again for models on disk (F5)")
        self.add = AddModel(actions)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * GRID)
        column.addLayout(row(label("Models", "title"), None, self.finder, self.rescan))
        column.addWidget(self.add)
        self.rescan.clicked.connect(actions.rescan)
        self.finder.textChanged.connect(self.sought)
        actions.busy_changed.connect(self._show_busy)
        self.finder.hide()

    @property
    def wanted(self) -> str:
        """What is looked for, in small letters; empty: everything."""
        return self.finder.text().strip().lower() if not self.finder.isHidden() else ""

    def show_count(self, count: int) -> None:
        """How many models there are."""
        self.finder.setVisible(count >= FIND_FROM)

    def _show_busy(self) -> None:
        self.rescan.setEnabled(not self._actions.is_busy("rescan"))
