"""The card of one model: what it is, and a row for each of its variants."""

from app.dashboard.context import Context
from app.dashboard.variant_row import VariantRow
from app.tokens import GRID
from app.widgets.card import Card, row, rule
from app.widgets.text import label, show_text
from app.words import parameters, tokens
from spark_engine.types.models import ModelEntry, is_installed
from spark_engine.types.state import EngineState


class ModelCard(Card):
    """Facts at the top, variants below, and where files go that are not here yet."""

    def __init__(self, model: ModelEntry, context: Context) -> None:
        super().__init__()
        self._folder = context.base.models / model.id
        self.rows = {v.id: VariantRow(v, model.name, context) for v in model.variants}
        self._default = label("used by apps that ask for “auto”", "small")
        self.column.setSpacing(GRID + 2)
        self.column.addLayout(
            row(label(model.name, "lead"), self._default, None, label(_facts(model), "small"))
        )
        self.column.addWidget(label(model.summary, "quiet", wrap=True))
        for variant_row in self.rows.values():
            self.column.addWidget(rule())
            self.column.addWidget(variant_row)
        self._hint = label(look="small", wrap=True, selectable=True)
        self.column.addWidget(self._hint)

    @property
    def variants(self) -> tuple[str, ...]:
        """The ids of its rows."""
        return tuple(self.rows)

    def show_model(self, model: ModelEntry, state: EngineState) -> None:
        """Show the present state of every variant."""
        self._default.setVisible(state.default_model.partition(":")[0] == model.id)
        for variant in model.variants:
            self.rows[variant.id].show_variant(variant, state.components)
        absent = not all(is_installed(v.status) for v in model.variants)
        hint = f"To add a variant by hand, put its files into {self._folder}/<variant>/ and press Rescan."
        show_text(self._hint, hint if absent else "")


def _facts(model: ModelEntry) -> str:
    context = f"context {tokens(model.context)}" if model.context else ""
    licence = f"{model.licence} licence" if model.licence else ""
    return "  ·  ".join(part for part in (parameters(model.parameters), context, licence) if part)
