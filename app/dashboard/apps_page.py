"""Apps: which programs of this machine use Spark, how much, and who has to wait."""

from PySide6.QtCore import QTimer

from app.dashboard.app_row import AppRow
from app.dashboard.context import Context
from app.dashboard.page import HEAD_HEIGHT, CardPage
from app.link import Connected, Refused, Stopped
from app.widgets.card import row
from app.widgets.tab_order import follow_reading_order
from app.widgets.text import label
from app.words import counted
from spark_engine.types.apps import AppEntry
from spark_engine.types.state import EngineState

AT_ONCE = 6
STOPPED = "It is what apps talk to; start it to see who uses it."
NOBODY = "Apps that ask Spark appear here, with what they use; they can be paused, ranked and blocked."
ABOUT = "Paused apps wait, blocked ones are refused. Spark remembers both, by the program's path."


class AppsPage(CardPage):
    """A card per app. The order is that of the moment when the page was opened; who comes later stands on top."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.rows: dict[str, AppRow] = {}
        self._order: list[str] = []
        self._count = label(look="small")
        self._tabs, self._rest = (QTimer(self, singleShot=True, interval=0) for _ in range(2))
        title = label("Apps", "title")
        title.setMinimumHeight(HEAD_HEIGHT)
        self.column.addLayout(row(title, None, self._count))
        self.column.addWidget(label(ABOUT, "quiet", wrap=True))
        self.column.addStretch(1)
        self._connect()
        self._draw()

    def _connect(self) -> None:
        self.follow(self._draw, self._store.link_changed, self._store.apps_changed)
        self._context.actions.busy_changed.connect(self._show_busy)
        self.empty.acted.connect(self._act)
        self._tabs.timeout.connect(lambda: follow_reading_order([self]))
        self._rest.timeout.connect(self._draw)

    def shown(self) -> None:
        """The page came to the front: who asked last stands first, from now on in this order."""
        super().shown()
        self._order = []
        self._draw()

    def _act(self) -> None:
        if isinstance(self._store.link, (Refused, Stopped)):
            self._context.actions.start_engine()
        else:
            self._context.go("home")

    def _show_busy(self, key: str) -> None:
        intent, _, id = key.partition(":")
        if intent == "app" and id in self.rows:
            self.rows[id].show_busy()

    def _draw(self) -> None:
        state = self._store.state
        if state is None or not isinstance(self._store.link, Connected):
            self.show_absence(self._store, STOPPED)
        elif not state.apps:
            self.show_empty("squares-four", "No app has asked yet", NOBODY, "Show how to connect one")
        else:
            self._draw_apps(state)
            self.show_cards()

    def _draw_apps(self, state: EngineState) -> None:
        self._sort(state.apps)
        self._count.setText(counted(len(state.apps), "app", "apps"))
        for id in [id for id in self.rows if id not in state.apps]:
            gone = self.rows.pop(id)
            gone.hide()
            gone.deleteLater()
        made = 0
        for id in self._order:
            if id in self.rows:
                self.rows[id].show_app(state.apps[id])
            elif made < AT_ONCE:
                self.rows[id] = AppRow(state.apps[id], self._context.actions)
                made += 1
        self._put()
        if made:
            self._tabs.start()
        if len(self.rows) < len(state.apps):
            self._rest.start()

    def _sort(self, apps: dict[str, AppEntry]) -> None:
        """Those that are known keep their places."""
        latest = sorted(apps, key=lambda id: apps[id].last_seen, reverse=True)
        new = [id for id in latest if id not in self._order]
        self._order = [*new, *(id for id in self._order if id in apps)]

    def _put(self) -> None:
        first = 2
        for at, id in enumerate(id for id in self._order if id in self.rows):
            if self.column.indexOf(self.rows[id]) != first + at:
                self.column.insertWidget(first + at, self.rows[id])
