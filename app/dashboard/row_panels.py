"""What can stand below a variant's row: its load options, what it can become, and what is being made of it."""

from typing import TypeVar

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.conversion_row import ConversionRow
from app.dashboard.convert_panel import ConvertPanel
from app.dashboard.options_panel import OptionsPanel
from app.tokens import GRID
from app.widgets.panel import Panel
from app.widgets.tab_order import order_after
from spark_engine.types.conversions import ConversionEntry
from spark_engine.types.models import VariantEntry
from spark_engine.types.state import EngineState

_P = TypeVar("_P", bound=Panel)


class RowPanels(QWidget):
    """Panels are made when they are first opened; one is open at a time. `name` is the variant's for listeners."""

    def __init__(self, id: str, name: str, context: Context, back: QWidget) -> None:
        """`back` has the keyboard again when a panel was closed."""
        super().__init__()
        self._id, self._name, self._context, self._back = id, name, context, back
        self.options: OptionsPanel | None = None
        self.convert: ConvertPanel | None = None
        self.conversions: dict[str, ConversionRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID)

    def open_options(self, variant: VariantEntry) -> None:
        """How it is loaded."""
        if self.options is None:
            self.options = self._added(OptionsPanel(self._id, self._name, self._context))
        self._close_others(self.options)
        self.options.show_status(variant)
        self.options.open()
        order_after(self._back, self)

    def open_convert(self, state: EngineState) -> None:
        """What it can become."""
        if self.convert is None:
            self.convert = self._added(ConvertPanel(self._id, self._name, self._context))
        self._close_others(self.convert)
        self.convert.show_state(state)
        self.convert.open()
        order_after(self._back, self)

    def show_state(self, variant: VariantEntry, state: EngineState) -> None:
        """The present state of what is shown."""
        if self.options is not None:
            self.options.show_status(variant)
        if self.convert is not None:
            self.convert.show_state(state)
        self._show_conversions(made_of(variant.id, state))

    def _show_conversions(self, entries: dict[str, ConversionEntry]) -> None:
        for id in [id for id in self.conversions if id not in entries]:
            gone = self.conversions.pop(id)
            gone.hide()
            gone.deleteLater()
        for id, entry in entries.items():
            if id not in self.conversions:
                self.conversions[id] = ConversionRow(entry, self._name, self._context)
                self._column.addWidget(self.conversions[id])
                order_after(self._back, self)
            self.conversions[id].show_conversion(entry)

    def _added(self, panel: _P) -> _P:
        self._column.insertWidget(0, panel)
        panel.hide()
        panel.closed.connect(self._back.setFocus)
        return panel

    def _close_others(self, wanted: Panel) -> None:
        for panel in (self.options, self.convert):
            if panel is not None and panel is not wanted:
                panel.close_panel()


def made_of(id: str, state: EngineState) -> dict[str, ConversionEntry]:
    """The conversions of this variant."""
    return {key: entry for key, entry in state.conversions.items() if entry.source == id}
