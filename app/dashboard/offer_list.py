"""What a repository offers, before anything of it is fetched: its variants, the recommended one first."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.download_question import needs_words
from app.dashboard.offer_row import OfferRow
from app.headline import FORMATS
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row, rule
from app.widgets.text import ElidedLabel, label, show_text
from app.words import counted
from spark_engine.types.hub import RepositoryOffer, recommended
from spark_engine.types.state import EngineState

AT_FIRST = 5
GATED = (
    "It is only for accounts that accepted its terms on its page; the saved token must be of such an account."
)


class OfferList(QWidget):
    """Shows one offer at a time."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.rows: dict[str, OfferRow] = {}
        self._name, self._count = ElidedLabel(look="lead", snug=True), label(look="small")
        self._page = ""
        self.copy = Button("Copy address", "copy", "plain", name="Copy the address of the model's page")
        self.close_button = Button("", "x", "plain", name="Close what the repository offers")
        self._gated, self.needs = label(GATED, "small", wrap=True), label(look="small", wrap=True)
        self.more = Button("Show more", "caret-down", "plain")
        self._lines: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, GRID, 0, 0)
        self._column.setSpacing(GRID)
        self._column.addLayout(row(self._name, self._count, None, self.copy, self.close_button))
        self._column.addWidget(self._gated)
        self._column.addWidget(self.needs)
        self._column.addWidget(self.more)
        self.copy.clicked.connect(lambda: context.actions.copy(self._page, "The address"))
        self.close_button.clicked.connect(self.clear)
        self.more.clicked.connect(self._show_all)
        self.hide()

    def show_offer(self, offer: RepositoryOffer, state: EngineState | None) -> None:
        """Show these variants."""
        self.clear()
        best = recommended(offer)
        ordered = sorted(offer.variants, key=lambda v: v is not best)
        self._page = offer.page
        self._name.show_whole(offer.repository)
        self._count.setText(counted(len(ordered), "variant", "variants"))
        self._gated.setVisible(offer.gated)
        for variant in ordered:
            self._add(OfferRow(variant, self._context, recommended=variant is best))
        for line in self._lines[2 * AT_FIRST :]:
            line.hide()
        self.more.say(f"Show {len(ordered) - AT_FIRST} more")
        self.more.setVisible(len(ordered) > AT_FIRST)
        if state is not None:
            self.show_state(state)
        self.show()

    def show_state(self, state: EngineState) -> None:
        """What came here or began meanwhile."""
        for shown in self.rows.values():
            shown.show_state(state)
        formats: dict[str, list[str]] = {}
        for shown in self.rows.values():
            if shown.component is not None:
                formats.setdefault(shown.component, []).append(FORMATS[shown.variant.format])
        told = [
            needs_words(state.components[id], " and ".join(dict.fromkeys(words)))
            for id, words in formats.items()
        ]
        show_text(self.needs, "\n".join(told))

    def clear(self) -> None:
        """Put it away."""
        for line in self._lines:
            line.hide()
            line.deleteLater()
        self._lines, self.rows = [], {}
        self.hide()

    def _add(self, made: OfferRow) -> None:
        self.rows[made.variant.slug] = made
        for line in (rule(), made):
            self._lines.append(line)
            self._column.insertWidget(self._column.count() - 1, line)

    def _show_all(self) -> None:
        for line in self._lines:
            line.show()
        self.more.hide()
