"""One line for a model that has no card yet: its name on Hugging Face, and what can be had there."""

import re

from app.asking import Inquiry
from app.dashboard.context import Context
from app.dashboard.offer_list import OfferList
from app.dashboard.token_panel import CODES, TokenPanel
from app.widgets.button import Button
from app.widgets.card import Card, row
from app.widgets.field import Field
from app.widgets.tab_order import order_after
from app.widgets.text import label, show_text
from app.words import plain
from spark_engine.errors import SparkError
from spark_engine.types.hub import RepositoryOffer
from spark_engine.types.state import EngineState

_SITE = re.compile(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?", re.IGNORECASE)
_NAME = re.compile(r"^\w[\w.-]*/\w[\w.-]*(?::\w[\w.-]*)?$", re.ASCII)
HINT = "Write it as it stands there: organisation/name, and :variant to choose one."


class AddModel(Card):
    """Takes `org/name`, `org/name:variant` or the address of the model's page, and shows what there is."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._name = context, ""
        self.field = Field("Model on Hugging Face", "organisation/name or organisation/name:variant")
        self.button = Button(
            "Show", "magnifying-glass", name="Show what the repository on Hugging Face offers"
        )
        self.hint = label(look="small", wrap=True, selectable=True)
        self.token, self.offer = TokenPanel("this model", context), OfferList(context)
        self._asked = Inquiry(self)
        line = row(label("Add a model from Hugging Face"), self.field, self.button)
        self.column.addLayout(line)
        for part in (self.hint, self.token, self.offer):
            self.column.addWidget(part)
        for part in (self.hint, self.token):
            part.hide()
        self._connect()
        self._draw()

    def _connect(self) -> None:
        self.field.textChanged.connect(self._typed)
        self.field.returnPressed.connect(self._look)
        self.button.clicked.connect(self._look)
        self.token.saved.connect(self._ask)
        self._asked.moved.connect(self._draw)
        self._asked.answered.connect(self._show_offer)
        self._asked.refused.connect(self._show_refusal)

    def show_state(self, state: EngineState) -> None:
        """What came here or began meanwhile."""
        self.offer.show_state(state)

    def _look(self) -> None:
        name = repository_name(self.field.text())
        show_text(self.hint, "" if name else HINT)
        if name and not (self._asked.is_open and name == self._name):
            self._name = name
            self._ask()

    def _ask(self) -> None:
        self.token.hide()
        self.offer.clear()
        self._asked.ask(lambda: self._context.actions.client.offers(self._name), "offers")
        show_text(self.hint, f"Asking Hugging Face what there is of {self._name}.")

    def _typed(self) -> None:
        """Another name: what was asked before is no longer of interest."""
        self._asked.drop()
        self.token.hide()
        show_text(self.hint, "")
        self._draw()

    def _draw(self) -> None:
        self.button.setEnabled(bool(repository_name(self.field.text())) and not self._asked.is_open)

    def _show_offer(self, offer: RepositoryOffer) -> None:
        show_text(self.hint, "")
        self.offer.show_offer(offer, self._context.store.state)
        order_after(self.button, self.offer)

    def _show_refusal(self, error: SparkError) -> None:
        asks = error.code in CODES
        said = (f"{error.title}.", error.message, "" if asks else error.remedy)
        show_text(self.hint, plain(" ".join(part for part in said if part)))
        if asks:
            self.token.open(self._name.partition(":")[0], error.code)
            order_after(self.button, self.token)


def repository_name(text: str) -> str:
    """What `text` names, as `org/name[:variant]`; empty when it names nothing."""
    name = _SITE.sub("", text.strip())
    if name != text.strip():
        name = "/".join(name.split("?")[0].split("#")[0].split("/")[:2])
    return name if _NAME.match(name) else ""
