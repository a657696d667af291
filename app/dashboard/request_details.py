"""One request closely: what it was, where its time went, and what can be done about it."""

import time

from PySide6.QtWidgets import QWidget

from app.dashboard.context import Context
from app.dashboard.request_cells import stretch
from app.notices import Notice
from app.request_curl import PROMPT, curl_command
from app.request_words import mark_of, speed_words, stages, state_words, total_ms, when
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import Card, row
from app.widgets.chip import Chip
from app.widgets.text import ElidedLabel, label, show_text
from app.widgets.waterfall import Waterfall
from app.words import duration
from spark_engine.types.requests import RequestEntry, is_active
from spark_engine.types.waiting import Place

_KINDS = {"generation": "Answer", "embedding": "Embedding", "ranking": "Ranking"}


class RequestDetails(Card):
    """Hidden until a request is shown."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._entry: RequestEntry | None = None
        self.title, self.chip = ElidedLabel(look="strong"), Chip(bare=True)
        self.facts, self.trouble = label(look="small", wrap=True), label(look="bad", wrap=True)
        self.waterfall = Waterfall("Where the time went")
        self.cancel = Button("Cancel", "x")
        self.copy_curl = Button("Copy as curl", "terminal-window")
        self.copy_id = Button("Copy id", "copy", "plain")
        self.cancel.clicked.connect(self._cancel)
        self.copy_curl.clicked.connect(self._copy_curl)
        self.copy_id.clicked.connect(self._copy_id)
        context.actions.busy_changed.connect(self._show_busy)
        self._arrange()
        self.hide()

    def _arrange(self) -> None:
        head = row(self.chip, self.title, self.cancel, self.copy_curl, self.copy_id, spacing=GRID)
        head.setStretch(1, 1)
        self.column.setSpacing(GRID // 2)
        self.column.addLayout(head)
        for part in (self.facts, self.trouble, self.waterfall):
            self.column.addWidget(part)

    @property
    def entry(self) -> RequestEntry | None:
        """The request that is shown."""
        return self._entry

    @property
    def buttons(self) -> tuple[QWidget, ...]:
        """In reading order."""
        return (self.cancel, self.copy_curl, self.copy_id)

    def show_entry(self, entry: RequestEntry | None, name: str, place: Place | None) -> None:
        """Show a request of the model called `name`; None hides everything."""
        self._entry = entry
        self.setVisible(entry is not None)
        if entry is None:
            return
        now = time.time()
        self.chip.show_state(state_words(entry, place), *mark_of(entry))
        self.title.show_whole(
            f"{_KINDS[entry.kind]} by {name}" + (f" for {entry.client}" if entry.client else "")
        )
        self.facts.setText(_facts(entry, now))
        show_text(self.trouble, f"{entry.error}." if entry.error else "")
        self.waterfall.show_stretches([stretch(stage) for stage in stages(entry, now)])
        self.cancel.setVisible(is_active(entry))
        self._show_busy()

    def _show_busy(self, key: str = "") -> None:
        if self._entry is not None:
            self.cancel.setEnabled(not self._context.actions.is_busy(f"cancel_request:{self._entry.id}"))

    def _cancel(self) -> None:
        if self._entry is not None:
            self._context.actions.cancel_request(self._entry.id)

    def _copy_curl(self) -> None:
        state = self._context.store.state
        if self._entry is not None and state is not None:
            self._context.actions.copy(curl_command(self._entry, state.engine.address), "The command")
            text = f"Spark never keeps prompts: write yours where it says “{PROMPT}”."
            self._context.board.post(
                Notice("copied", "ok", "The command is on the clipboard", text, passing=True)
            )

    def _copy_id(self) -> None:
        if self._entry is not None:
            self._context.actions.copy(self._entry.id, "The request's id")


def _facts(entry: RequestEntry, now: float) -> str:
    """Variant, device, when, how long, how fast, id."""
    said = [
        entry.model + (f" on {entry.device}" if entry.device else ""),
        f"asked at {when(entry.accepted_at, now)}",
        f"{duration(total_ms(entry, now))} in all" if not is_active(entry) else "",
        speed_words(entry, now),
        entry.id,
    ]
    return " · ".join(part for part in said if part)
