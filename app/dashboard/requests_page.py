"""Requests: what runs, what waits and when it gets its turn, what is over; where each one's time went."""

from PySide6.QtCore import QItemSelectionModel, Qt, QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from app.asking import Inquiry, can_ask
from app.dashboard.context import Context
from app.dashboard.page import CardPage
from app.dashboard.request_cells import ROW_HEIGHT, RequestCells
from app.dashboard.request_details import RequestDetails
from app.headline import display_name
from app.link import Connected, Refused, Stopped
from app.request_rows import APP, MODEL, SPEED, STATE, TIME, TOKENS, WHEN, RequestRows
from app.tokens import GRID
from app.widgets.card import row
from app.widgets.field import Field
from app.widgets.tab_order import order_after
from app.widgets.text import label, show_text
from app.words import plain
from spark_engine.errors import SparkError
from spark_engine.types.requests import RequestPage
from spark_engine.types.state import EngineState

PIECE = 200
TYPING_MS = 250
"""Between typing and looking: nobody looks for half a word."""
_WIDTHS = {STATE: 176, MODEL: 112, APP: 100, TOKENS: 100, SPEED: 88, WHEN: 104}
_NARROW = 880
"""Below that the app and the speed stand in the details only."""
INTRO = (
    "Every question to a model on this machine appears here: what runs, what waits and where its time went."
)


class RequestsPage(CardPage):
    """Follows the events; older requests are fetched as one scrolls. Prompts and answers are never kept."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.summary, self.told = label(look="quiet"), label(look="bad", wrap=True)
        self.finder = Field(
            "Find requests by model, app, state or id", "Find by model, app, state or id", width=260
        )
        self.rows, self.table, self.details = RequestRows(self), QTableView(), RequestDetails(context)
        self._pieces, self._chosen = Inquiry(self), ""
        self._typing = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._clock = QTimer(self, interval=1000)
        self._arrange()
        self._connect()
        self._draw()

    def _arrange(self) -> None:
        self.use_whole_width()
        self.column.addLayout(
            row(label("Requests", "title"), self.summary, None, self.finder, spacing=2 * GRID)
        )
        self.column.addWidget(self.told)
        self.column.addWidget(self.table, 1)
        self.column.addWidget(self.details)
        show_text(self.told, "")
        table = self.table
        table.setAccessibleName("Requests")
        table.setModel(self.rows)
        table.setItemDelegate(RequestCells(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setMinimumHeight(5 * ROW_HEIGHT)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        head = table.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        head.setSectionResizeMode(TIME, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            table.setColumnWidth(column, width)

    def _connect(self) -> None:
        for signal in (self._store.link_changed, self._store.requests_changed):
            signal.connect(self._draw)
        self.empty.acted.connect(self._act)
        self.finder.textChanged.connect(lambda: self._typing.start())
        self._typing.timeout.connect(self._seek)
        self._clock.timeout.connect(self._tick)
        self.rows.more_wanted.connect(self._fetch)
        self._pieces.answered.connect(self._take)
        self._pieces.refused.connect(self._not_fetched)
        self.table.selectionModel().currentRowChanged.connect(lambda now, before: self._choose(now.row()))
        for signal in (self.rows.rowsRemoved, self.rows.rowsInserted, self.rows.modelReset):
            signal.connect(self._hold_chosen)

    def recheck(self) -> None:
        """F5: fetch the list anew."""
        self.rows.start_over()
        self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Qt: it comes into sight."""
        super().showEvent(event)
        self._clock.start()
        self._draw()

    def hideEvent(self, event: QHideEvent) -> None:
        """Qt: it goes out of sight."""
        super().hideEvent(event)
        self._clock.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: the size changed."""
        super().resizeEvent(event)
        for column in (APP, SPEED):
            self.table.setColumnHidden(column, self.width() < _NARROW)

    def _act(self) -> None:
        if isinstance(self._store.link, (Refused, Stopped)):
            self._context.actions.start_engine()
        else:
            self._context.go("chat")

    # --- what there is -------------------------------------------------------------------------------------

    def _draw(self) -> None:
        state = self._store.state
        if state is None or not isinstance(self._store.link, Connected):
            self.show_absence(self._store, "Start it to see what is asked of your models.")
        elif self.isVisible() or not self.is_live:
            self._draw_rows(state)

    def _draw_rows(self, state: EngineState) -> None:
        self.rows.show_state(state)
        if self.rows.canFetchMore(self.rows.index(-1, -1)) and not self.rows.rowCount():
            self.rows.fetchMore(self.rows.index(-1, -1))
        self._show_what_there_is(state)

    def _show_what_there_is(self, state: EngineState) -> None:
        if self.rows.rowCount() or self.rows.text or self.told.text():
            self.show_cards()
        else:
            self.show_empty("queue", "No requests yet", INTRO, "Open chat")
        running = sum(r.phase == "running" for r in state.requests.values())
        waiting = sum(r.phase in ("waiting", "loading") for r in state.requests.values())
        parts = [f"{running} running" if running else "", f"{waiting} waiting" if waiting else ""]
        nothing = (
            "" if self.rows.rowCount() or not self.rows.text else f"Nothing is found for “{self.rows.text}”."
        )
        self.summary.setText(nothing or ", ".join(part for part in parts if part))
        self._show_details()

    def _tick(self) -> None:
        """A second went by."""
        if self.rows.active_count and not self.window().isMinimized():
            self.rows.tick()
            self._show_details()

    def _seek(self) -> None:
        self.rows.search(self.finder.text().strip())
        self._draw()

    # --- older ones ----------------------------------------------------------------------------------------

    def _fetch(self, before: str) -> None:
        if not can_ask():
            self.rows.failed()
            return
        text, client = self.rows.text, self._context.actions.client
        self._pieces.ask(lambda: client.requests(before=before, limit=PIECE, text=text), "requests")

    def _take(self, page: object) -> None:
        show_text(self.told, "")
        if isinstance(page, RequestPage):
            self.rows.add_page(page)
        if (state := self._store.live) is not None:
            self._show_what_there_is(state)

    def _not_fetched(self, error: SparkError) -> None:
        self.rows.failed()
        if error.code != "engine_unreachable":
            show_text(self.told, plain(f"{error.title}. {error.message} {error.remedy}"))
            if (state := self._store.live) is not None:
                self._show_what_there_is(state)

    # --- the one that was chosen ---------------------------------------------------------------------------

    def _choose(self, at: int) -> None:
        entry = self.rows.entry(at)
        if entry is not None and not self.rows.is_moving:
            self._chosen = entry.id
            self._show_details()
            self.table.scrollTo(self.rows.index(at, 0))

    def _hold_chosen(self) -> None:
        """A request that moved (it is over now) stays the chosen one."""
        at = self.rows.row_of(self._chosen) if self._chosen else -1
        if at >= 0 and at != self.table.currentIndex().row():
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.table.selectionModel().setCurrentIndex(self.rows.index(at, 0), flags)

    def _show_details(self) -> None:
        entry = self.rows.entry(self.rows.row_of(self._chosen)) if self._chosen else None
        state = self._store.state
        name = display_name(state, entry.model) if entry and state else ""
        was_hidden = self.details.isHidden()
        self.details.show_entry(entry, name, self.rows.place(self._chosen))
        if was_hidden and entry is not None:
            order_after(self.table, self.details)
