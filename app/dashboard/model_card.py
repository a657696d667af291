"""The card of one model: what it is, and a row for each of its variants."""

from app.dashboard.context import Context
from app.dashboard.row_action import recommended
from app.dashboard.row_panels import made_of
from app.dashboard.variant_row import VariantRow
from app.tokens import GRID
from app.widgets.card import Card, row, rule
from app.widgets.text import ElidedLabel, label, show_text
from app.words import breakable, parameters, tokens
from spark_engine.types.models import ModelEntry, is_installed
from spark_engine.types.state import EngineState


class ModelCard(Card):
    """Facts at the top, variants below, and where files go that can only be put there by hand."""

    def __init__(self, model: ModelEntry, context: Context) -> None:
        super().__init__()
        self._folder = context.base.models / model.id
        self.rows = {v.id: VariantRow(v, model.name, context) for v in model.variants}
        self._default = label("used by apps that ask for “auto”", "small")
        self._name, self._facts = ElidedLabel(look="lead", snug=True), label(look="small")
        self._summary, self._hint = (
            label(look="quiet", wrap=True),
            label(look="small", wrap=True, selectable=True),
        )
        self._shown: object = None
        self._foremost = False
        self.column.setSpacing(GRID + 2)
        self.column.addLayout(row(self._name, self._default, None, self._facts))
        self.column.addWidget(self._summary)
        for variant_row in self.rows.values():
            self.column.addWidget(rule())
            self.column.addWidget(variant_row)
        self.column.addWidget(self._hint)

    @property
    def variants(self) -> tuple[str, ...]:
        """The ids of its rows."""
        return tuple(self.rows)

    def emphasise(self, foremost: bool) -> None:
        """Of all cards only the foremost has a primary action."""
        self._foremost = foremost

    def show_model(self, model: ModelEntry, state: EngineState, *, anew: bool = False) -> None:
        """Show the present state of every variant; nothing is done where nothing changed, unless `anew`."""
        downloads = {v.id: d for v in model.variants if (d := state.downloads.get(v.id)) is not None}
        is_default = state.default_model.partition(":")[0] == model.id
        made = [made_of(v.id, state) for v in model.variants]
        what = (model, state.components, downloads, made, is_default, self._foremost)
        if what == self._shown and not anew:
            return
        self._shown = what
        self._show_facts(model, is_default=is_default)
        best = recommended(model) if self._foremost else None
        for variant in model.variants:
            self.rows[variant.id].show_variant(
                variant, state, best=best is not None and best.id == variant.id
            )

    def _show_facts(self, model: ModelEntry, *, is_default: bool) -> None:
        self._name.show_whole(model.name)
        self._default.setVisible(is_default)
        show_text(self._facts, _facts(model))
        show_text(self._summary, breakable(model.summary))
        by_hand = any(not is_installed(v.status) and not v.repository for v in model.variants)
        hint = f"To add a variant by hand, put its files into {self._folder}/<variant>/ and press Rescan."
        show_text(self._hint, hint if by_hand else "")


def _facts(model: ModelEntry) -> str:
    context = f"context {tokens(model.context)}" if model.context else ""
    licence = f"{model.licence} licence" if model.licence else ""
    return "  ·  ".join(part for part in (parameters(model.parameters), context, licence) if part)
