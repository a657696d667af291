"""A model that asks who downloads it: where to accept its terms, and the field for the token that proves it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit

from app.asking import Inquiry
from app.dashboard.context import Context
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.field import Field
from app.widgets.panel import Panel
from app.widgets.text import label, show_text
from app.words import breakable, plain
from spark_engine.errors import SparkError
from spark_engine.types.hub import TokenReport

CODES = ("repository_gated", "hub_token_refused")
"""Refusals that a token, or another one, can end."""
STEPS = "Open the model's page, sign in and accept its terms; then make a token there that may read, and paste it here."
KEPT = {
    "keyring": "Your system's keyring keeps the token.",
    "file": "This system has no keyring that Spark can use: the token is kept in a file that only you can read.",
}


class TokenPanel(Panel):
    """`saved` when the engine keeps a token now. What was typed goes to the engine and is forgotten here."""

    saved = Signal()

    def __init__(self, name: str, context: Context) -> None:
        super().__init__("A token is needed", f"Token for {name}")
        self._actions, self._repository, self._page = context.actions, "", ""
        self._client = context.actions.client
        self.page = label(look="mono", selectable=True, wrap=True)
        self.copy = Button("Copy address", "copy", "plain", name=f"Copy the address of the page of {name}")
        self.field = Field(f"Token for {name}", "hf_…")
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.save = Button("Save and try again", name=f"Save the token and try again: {name}")
        self.words = label(look="small", wrap=True)
        self._known, self._saving = Inquiry(self), Inquiry(self)
        self._arrange()
        self._known.answered.connect(self._show_known)
        self._saving.answered.connect(self._show_saved)
        self._saving.refused.connect(self._show_refusal)
        self._saving.moved.connect(self._draw)
        self.field.textChanged.connect(self._draw)
        self.field.returnPressed.connect(self._save)
        self.save.clicked.connect(self._save)
        self.copy.clicked.connect(lambda: self._actions.copy(self._page, "The address"))
        self._draw()

    def _arrange(self) -> None:
        self.save.wear("inset")
        address = row(self.page, self.copy)
        address.setStretch(0, 1)
        entry = row(self.field, self.save)
        entry.setStretch(0, 1)
        for line in (address, entry):
            line.setContentsMargins(0, 0, GRID, 0)
        self.column.addWidget(label(STEPS, "small", wrap=True))
        self.column.addLayout(address)
        self.column.addLayout(entry)
        self.column.addWidget(self.words)

    def open(self, repository: str, code: str) -> None:
        """Show it for this repository, and find out whether a token is kept already."""
        if self.isHidden() or repository != self._repository:
            self._repository = repository
            self.title.show_whole("Another token is needed" if code == CODES[1] else "A token is needed")
            self.show()
            self._known.ask(self._client.hub_token, "hub token")

    def _show_known(self, report: TokenReport) -> None:
        self._page = f"{report.hub}/{self._repository}"
        self.page.setText(breakable(self._page))
        kept = "A token is kept already; accept the terms with its account, or paste another one."
        show_text(self.words, kept if report.kept else "")

    def _draw(self) -> None:
        self.save.setEnabled(bool(self.field.text().strip()) and not self._saving.is_open)

    def _save(self) -> None:
        token = self.field.text().strip()
        if token and not self._saving.is_open:
            show_text(self.words, "Saving the token. Your keyring may ask you first.")
            self._saving.ask(lambda: self._client.set_hub_token(token), "save hub token")

    def _show_saved(self, report: TokenReport) -> None:
        self.field.clear()
        show_text(self.words, KEPT[report.kept or "file"])
        self.saved.emit()

    def _show_refusal(self, error: SparkError) -> None:
        show_text(self.words, plain(f"{error.title}. {error.message} {error.remedy}"))
