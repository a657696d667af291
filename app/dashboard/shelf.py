"""The cards of the Models page: made a few at a time, as far as somebody has looked, and kept."""

from collections.abc import Sequence

from msgspec import Struct
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.model_card import ModelCard
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.text import label
from app.words import counted
from spark_engine.types.models import ModelEntry
from spark_engine.types.state import EngineState

ROWS_AT_ONCE, MORE = 3, 8


class Section(Struct, frozen=True):
    """Models under a title, in their order."""

    title: str
    models: tuple[ModelEntry, ...]


class Shelf(QWidget):
    """Shows sections of models. `grown`: cards were made. A row takes milliseconds: never all at once."""

    grown = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.cards: dict[str, ModelCard] = {}
        self.titles: dict[str, QLabel] = {}
        self._sections: list[Section] = []
        self._state: EngineState | None = None
        self._far = MORE
        self._rest, self.more = label(look="small"), Button("Show more", "caret-down")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2 * GRID)
        self._foot = QWidget()
        self._foot.setLayout(row(self._rest, None, self.more))
        self._column.addWidget(self._foot)
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._fill)
        self.more.clicked.connect(self.go_on)

    def show_sections(self, sections: Sequence[Section], state: EngineState) -> None:
        """Show these, as far as somebody has looked."""
        self._sections, self._state = [section for section in sections if section.models], state
        self._drop_old(state)
        if not self._timer.isActive():
            self._fill()

    def go_on(self) -> None:
        """Somebody came to the end: show more."""
        if self._far < self._count and not self._timer.isActive():
            self._far += MORE
            self._fill()

    def start_over(self) -> None:
        """Other models are looked for: begin at the top again."""
        self._far = MORE
        self._timer.stop()

    def show_busy(self, id: str) -> None:
        """Something was asked for or answered that concerns this model, or (empty) any of them."""
        for card_id, card in self.cards.items():
            if self._state and card_id in self._state.models and id in ("", card_id):
                card.show_model(self._state.models[card_id], self._state, anew=True)

    @property
    def _count(self) -> int:
        return sum(len(section.models) for section in self._sections)

    def _drop_old(self, state: EngineState) -> None:
        for id, card in list(self.cards.items()):
            model = state.models.get(id)
            if model is None or card.variants != tuple(v.id for v in model.variants):
                del self.cards[id]
                card.hide()
                card.deleteLater()

    def _fill(self) -> None:
        """Make what is missing, a few rows; the rest follows when the window has drawn them."""
        shown: list[QWidget] = []
        models, rows = 0, 0
        for title, model in self._in_order()[: self._far]:
            if model.id not in self.cards:
                if rows and rows + len(model.variants) > ROWS_AT_ONCE:
                    self._timer.start()
                    break
                rows += 1 + len(model.variants)
            shown += [self._title(title)] if title else []
            shown.append(self._card(model))
            models += 1
        self._put(shown)
        self._show_rest(models)
        if rows:
            self.grown.emit()

    def _in_order(self) -> list[tuple[str, ModelEntry]]:
        """Every model, the first of a section with the section's title."""
        return [
            (section.title if at == 0 else "", model)
            for section in self._sections
            for at, model in enumerate(section.models)
        ]

    def _card(self, model: ModelEntry) -> ModelCard:
        assert self._state is not None
        if model.id not in self.cards:
            self.cards[model.id] = ModelCard(model, self._context)
        card = self.cards[model.id]
        card.emphasise(model is self._sections[-1].models[0])
        card.show_model(model, self._state)
        return card

    def _title(self, words: str) -> QLabel:
        if words not in self.titles:
            self.titles[words] = label(words, "lead")
        return self.titles[words]

    def _put(self, shown: list[QWidget]) -> None:
        """Lay out these in this order, and hide what else there is."""
        for at, part in enumerate(shown):
            if self._column.indexOf(part) != at:
                self._column.insertWidget(at, part)
        for part in (*self.titles.values(), *self.cards.values()):
            part.setVisible(part in shown)

    def _show_rest(self, shown: int) -> None:
        self._rest.setText(f"{shown} of {counted(self._count, 'model', 'models')}")
        self._foot.setVisible(shown < self._count)
