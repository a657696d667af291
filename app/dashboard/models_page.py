"""Models: a card per model, a row per variant, live."""

from app.dashboard.context import Context
from app.dashboard.model_card import ModelCard
from app.dashboard.page import CardPage
from app.link import Connected, Refused, Stopped
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.tab_order import follow_reading_order
from app.widgets.text import label
from spark_engine.types.models import ModelEntry, is_installed
from spark_engine.types.state import EngineState


class ModelsPage(CardPage):
    """Every model with a card or a folder. Rows change in place; cards are made anew only when the list differs."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.cards: dict[str, ModelCard] = {}
        self.rescan = Button("Rescan", "arrow-clockwise", name="Look again for models on disk (F5)")
        self.rescan.setToolTip("Look again for models on disk (F5)")
        self.rescan.clicked.connect(context.actions.rescan)
        self.column.addLayout(row(label("Models", "title"), None, self.rescan))
        self.column.addStretch(1)
        self.empty.acted.connect(self._act)
        for signal in (self._store.link_changed, self._store.models_changed, self._store.components_changed):
            signal.connect(self._draw)
        context.actions.busy_changed.connect(self._show_busy)
        self._draw()

    def recheck(self) -> None:
        """F5: look again for models on disk."""
        self._context.actions.rescan()

    def _act(self) -> None:
        if isinstance(self._store.link, (Refused, Stopped)):
            self._context.actions.start_engine()
        else:
            self._context.actions.rescan()

    def _draw(self) -> None:
        state = self._store.state
        if state is None or not isinstance(self._store.link, Connected):
            self.show_absence(self._store)
        elif not state.models:
            folder = self._context.base.models
            text = f"Put a model's files into {folder}/<model>/<variant>/ and look again."
            self.show_empty("cube", "No models yet", text, "Rescan")
        else:
            self._draw_cards(state)
            self.show_cards()

    def _draw_cards(self, state: EngineState) -> None:
        models = sorted(
            state.models.values(), key=lambda m: not any(is_installed(v.status) for v in m.variants)
        )
        if _shape(models) != [(id, card.variants) for id, card in self.cards.items()]:
            self._make_cards(models)
        for model in models:
            self.cards[model.id].show_model(model, state)

    def _make_cards(self, models: list[ModelEntry]) -> None:
        for card in self.cards.values():
            card.hide()
            card.deleteLater()
        self.cards = {m.id: ModelCard(m, self._context) for m in models}
        for at, card in enumerate(self.cards.values()):
            self.column.insertWidget(1 + at, card)
        follow_reading_order([self])

    def _show_busy(self, key: str) -> None:
        self.rescan.setEnabled(not self._context.actions.is_busy("rescan"))
        state = self._store.state
        if state is not None and ":" in key:
            for id, card in self.cards.items():
                card.show_model(state.models[id], state) if id in state.models else None


def _shape(models: list[ModelEntry]) -> list[tuple[str, tuple[str, ...]]]:
    return [(m.id, tuple(v.id for v in m.variants)) for m in models]
