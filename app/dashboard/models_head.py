"""The top of the Models page: finding by name, freeing memory, looking again on disk, and adding models."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.dashboard.add_model import AddModel
from app.dashboard.context import Context
from app.dashboard.duplicates_card import DuplicatesCard
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.field import Field
from app.widgets.menu_button import MenuButton, MenuEntry
from app.widgets.picker import pick_file, pick_folder
from app.widgets.text import label
from spark_engine.types.state import EngineState, ready_variants

FIND_FROM = 9
"""With fewer models they can all be seen."""
MENU = (
    MenuEntry("Use models in a folder…", "folder"),
    MenuEntry("Use a GGUF file…", "file"),
    MenuEntry("Find duplicate files", "duplicates"),
)


class ModelsHead(QWidget):
    """`sought` when other models are looked for."""

    sought = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._actions = context.actions
        self.finder = Field("Find a model by name", "Find by name", width=200)
        self.free = Button("Free memory", "eraser", name="Unload every model that is idle and not pinned")
        self.rescan = Button("Rescan", "arrow-clockwise", name="Look again for models on disk (F5)")
        self.free.setToolTip("Unload every model that is idle and not pinned")
        self.rescan.setToolTip("Look again for models on disk (F5)")
        self.more = MenuButton("More for all models", lambda: MENU)
        self.add, self.duplicates = AddModel(context), DuplicatesCard(context)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2 * GRID)
        column.addLayout(row(label("Models", "title"), None, self.finder, self.free, self.rescan, self.more))
        column.addWidget(self.add)
        column.addWidget(self.duplicates)
        self.rescan.clicked.connect(self._actions.rescan)
        self.free.clicked.connect(self._actions.free_memory)
        self.more.chosen.connect(self._choose)
        self.finder.textChanged.connect(self.sought)
        self._actions.busy_changed.connect(self._show_busy)
        self.finder.hide()
        self.free.hide()

    @property
    def wanted(self) -> str:
        """What is looked for, in small letters; empty: everything."""
        return self.finder.text().strip().lower() if not self.finder.isHidden() else ""

    def show_state(self, state: EngineState) -> None:
        """How many models there are, whether one has memory, and what comes of what is offered."""
        self.finder.setVisible(len(state.models) >= FIND_FROM)
        self.free.setVisible(bool(ready_variants(state)))
        self.add.show_state(state)

    def _choose(self, key: str) -> None:
        match key:
            case "folder":
                pick_folder(self, "Use models in a folder", self._actions.adopt_and_tell)
            case "file":
                pick_file(self, "Use a GGUF file", "GGUF models (*.gguf)", self._actions.adopt_and_tell)
            case _:
                self.duplicates.search()

    def _show_busy(self) -> None:
        self.rescan.setEnabled(not self._actions.is_busy("rescan"))
        self.free.setEnabled(not self._actions.is_busy("free_memory"))
