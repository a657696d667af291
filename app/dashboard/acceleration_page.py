"""Acceleration: what can run models on this machine, whether it computes rightly, how fast it is, and what is used."""

from PySide6.QtCore import QTimer

from app.dashboard.acceleration_card import AccelerationCard
from app.dashboard.context import Context
from app.dashboard.page import WAITING, CardPage
from app.link import Connected, Refused, Stopped
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.tab_order import follow_reading_order
from app.widgets.text import label
from spark_engine.types.acceleration import AccelerationBackend
from spark_engine.types.state import EngineState

ABOUT = (
    "Before anything but the CPU is used, spark-nano runs on it in a process of its own and its numbers are compared "
    "with the CPU's. A change takes over when it is ready; answers that are being written finish where they are."
)
STOPPED = "It knows what this machine can use; start it to see that."
READING = "Spark is looking at processor, graphics cards and libraries."


class AccelerationPage(CardPage):
    """A card per backend."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.cards: dict[str, AccelerationCard] = {}
        self.check_all = Button("Check all", "arrow-clockwise")
        self._tabs, self._rest = (QTimer(self, singleShot=True, interval=0) for _ in range(2))
        self.column.addLayout(row(label("Acceleration", "title"), None, self.check_all))
        self.column.addWidget(label(ABOUT, "quiet", wrap=True))
        self.column.addStretch(1)
        self._connect()
        self._draw()

    def _connect(self) -> None:
        self.follow(self._draw, self._store.link_changed, self._store.acceleration_changed)
        self._context.actions.busy_changed.connect(self._show_busy)
        self.check_all.clicked.connect(self.recheck)
        self.empty.acted.connect(self._act)
        self._tabs.timeout.connect(lambda: follow_reading_order([self]))
        self._rest.timeout.connect(self._draw)

    def recheck(self) -> None:
        """F5: check everything that is installed."""
        if self.check_all.isEnabled() and self.is_live:
            self._context.actions.verify_acceleration()

    def _act(self) -> None:
        if isinstance(self._store.link, (Refused, Stopped)):
            self._context.actions.start_engine()

    def _show_busy(self, key: str) -> None:
        if key.startswith(("acceleration:", "verify:")):
            self._show_check_all()
            for card in self.cards.values():
                card.show_busy()

    def _show_check_all(self) -> None:
        state = self._store.state
        choices = [c for b in state.acceleration.values() for c in b.choices] if state else []
        checking = any(choice.checking for choice in choices)
        self.check_all.say("Checking…" if checking else "Check all")
        self.check_all.setEnabled(not checking and not self._context.actions.is_busy("verify::"))

    def _draw(self) -> None:
        state = self._store.state
        if state is None or not isinstance(self._store.link, Connected):
            self.show_absence(self._store, STOPPED)
        elif not state.acceleration:
            self.show_empty(WAITING, "Looking at this machine", READING)
        else:
            self._draw_backends(state)
            self.show_cards()

    def _draw_backends(self, state: EngineState) -> None:
        """A card takes many milliseconds to make: one now, the next when the window has drawn it."""
        self._show_check_all()
        made = False
        for place, (id, backend) in enumerate(state.acceleration.items()):
            if id in self.cards:
                self.cards[id].show_backend(backend)
            elif made:
                self._rest.start()
                break
            else:
                self._add(place, backend)
                made = True

    def _add(self, place: int, backend: AccelerationBackend) -> None:
        card = self.cards[backend.id] = AccelerationCard(backend, self._context.actions)
        card.grown.connect(self._tabs.start)
        self.column.insertWidget(2 + place, card)
        self._tabs.start()
