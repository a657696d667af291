"""One backend: what its models run on and why, every choice it has, and what went wrong with a change."""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout

from app.acceleration_words import standing
from app.actions import Actions
from app.dashboard.acceleration_row import AccelerationRow
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import Card, row
from app.widgets.chip import Chip
from app.widgets.text import ElidedLabel, label, show_text
from app.words import counted, plain
from spark_engine.types.acceleration import AUTO_CHOICE, AccelerationBackend, AccelerationChoice

STRICT = "Refuse to load rather than fall back to the CPU"


class AccelerationCard(Card):
    """Shows a backend; changes in place. `grown` when controls came or went."""

    grown = Signal()

    def __init__(self, backend: AccelerationBackend, actions: Actions) -> None:
        super().__init__()
        self._backend, self._actions = backend, actions
        self.rows: dict[str, AccelerationRow] = {}
        self._name, self._standing = (
            ElidedLabel(f"{backend.name} models", "lead"),
            label(look="quiet", wrap=True),
        )
        self.moving = Chip(bare=True)
        self.auto = Button("Choose automatically", look="plain", name=f"Choose automatically: {backend.name}")
        self.strict = Button("Never the CPU instead", "square", "plain")
        self.strict.setAccessibleName(f"{backend.name}: never the CPU instead. {STRICT}")
        self.strict.setCheckable(True)
        self.strict.setToolTip(STRICT)
        self._failed, self._lower = label(look="bad", wrap=True), label(look="quiet", wrap=True)
        self.again = Button("Try it again", name=f"Try {backend.name} acceleration again")
        self.rest = Button("", look="plain")
        self._rows, self._shows_rest = QVBoxLayout(), False
        self._tabs = QTimer(self, singleShot=True, interval=0)
        self._arrange()
        self._connect()
        self.show_backend(backend)

    def _arrange(self) -> None:
        head = row(self._name, self.moving, self.auto, self.strict)
        head.setStretch(0, 1)
        self.column.setSpacing(GRID // 2)
        self.column.addLayout(head)
        self.column.addWidget(self._standing)
        self.column.addWidget(self._failed)
        self.column.addLayout(row(self._lower, self.again))
        self.column.addSpacing(GRID // 2)
        self._rows.setSpacing(0)
        self.column.addLayout(self._rows)
        self.column.addLayout(row(self.rest, None))

    def _connect(self) -> None:
        self.auto.clicked.connect(lambda: self._actions.use_acceleration(self._backend.id, AUTO_CHOICE))
        self.again.clicked.connect(
            lambda: self._actions.use_acceleration(self._backend.id, self._backend.wish)
        )
        self.strict.clicked.connect(self._toggle_strict)
        self.rest.clicked.connect(self._toggle_rest)
        self._tabs.timeout.connect(self.grown)

    def show_backend(self, backend: AccelerationBackend) -> None:
        """Show how it stands now."""
        self._backend = backend
        self._standing.setText(plain(standing(backend)))
        self._show_strict()
        self.moving.setVisible(backend.switching is not None)
        if backend.switching is not None:
            self.moving.show_state(backend.switching.step, "info", "half")
        show_text(self._failed, _failure_words(backend))
        lower = _lower_words(backend)
        show_text(self._lower, lower)
        self.again.setVisible(bool(lower))
        self._show_rows(backend)
        self.show_busy()

    def show_busy(self) -> None:
        """Something was asked for, or is answered."""
        backend = self._backend
        free = not self._actions.is_busy(f"acceleration:{backend.id}") and backend.switching is None
        self.auto.setVisible(backend.wish != AUTO_CHOICE)
        for button in (self.auto, self.strict, self.again):
            button.setEnabled(free)
        for shown in self.rows.values():
            shown.show_busy()

    def _show_rows(self, backend: AccelerationBackend) -> None:
        absent = [choice for choice in backend.choices if not choice.found]
        made = False
        for choice in backend.choices:
            wanted = choice.found or self._shows_rest
            if choice.id not in self.rows:
                if not wanted:
                    continue
                self.rows[choice.id] = self._made(backend, choice)
                made = True
            self.rows[choice.id].show_choice(backend, choice)
            self._rows_of(choice.id, visible=wanted)
        for id in self.rows.keys() - {choice.id for choice in backend.choices}:
            self._rows_of(id, visible=False)
        count = counted(len(absent), "more choice", "more choices")
        self.rest.say("Hide what needs other hardware" if self._shows_rest else f"{count} for other hardware")
        self.rest.show_glyph("caret-up" if self._shows_rest else "caret-down")
        self.rest.setAccessibleName(f"{self.rest.text().strip()}: {backend.name}")
        self.rest.setVisible(bool(absent))
        if made:
            self._tabs.start()

    def _made(self, backend: AccelerationBackend, choice: AccelerationChoice) -> AccelerationRow:
        """A row takes milliseconds: it is made when it is first shown, in the place of its choice."""
        made = AccelerationRow(backend, choice, self._actions)
        made.resized.connect(self.grown)
        later = backend.choices[backend.choices.index(choice) + 1 :]
        below = next((self.rows[one.id].line for one in later if one.id in self.rows), None)
        place = self._rows.indexOf(below) if below else self._rows.count()
        self._rows.insertWidget(place, made.line)
        self._rows.insertWidget(place + 1, made)
        return made

    def _rows_of(self, id: str, *, visible: bool) -> None:
        shown = self.rows[id]
        shown.setVisible(visible)
        shown.line.setVisible(visible)

    def _toggle_rest(self) -> None:
        self._shows_rest = not self._shows_rest
        self._show_rows(self._backend)
        self._tabs.start()

    def _toggle_strict(self) -> None:
        wanted = not self._backend.strict
        self._show_strict()  # until the engine has taken it
        self._actions.use_acceleration(self._backend.id, self._backend.wish, strict=wanted)

    def _show_strict(self) -> None:
        self.strict.setChecked(self._backend.strict)
        self.strict.show_glyph("check-square" if self._backend.strict else "square")


def _failure_words(backend: AccelerationBackend) -> str:
    failed = backend.failed
    if failed is None:
        return ""
    return plain(f"{failed.title}. {failed.message} Everything runs as before. {failed.remedy}".strip())


def _lower_words(backend: AccelerationBackend) -> str:
    """Which models run more safely than chosen."""
    lines = []
    for told in backend.stepped_down:
        less = f" with a context of {told.context} tokens" if told.context else ""
        names = {choice.id: choice.name for choice in backend.choices}
        where = names.get(told.choice, told.choice)
        lines.append(f"{told.variant} runs on {where}{less} for now: {told.reason}")
    return plain("\n".join(lines))
