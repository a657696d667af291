"""Logs: what engine, runners and app write, live; filtered, paused, copied. Never prompts, answers or tokens."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from app.dashboard.context import Context
from app.dashboard.logs_head import LogsHead
from app.dashboard.page import WAITING, CardPage
from app.link import Connected, Refused, Stopped
from app.log_feed import LogFeed
from app.log_rows import LEVEL, SOURCE, TEXT, TIME, LogRows, day, source_words
from app.theme import body_font
from app.tokens import GRID, SIZE_SMALL
from app.widgets.button import Button
from app.widgets.card import Card, row
from app.widgets.text import label, show_text
from app.words import counted, plain
from spark_engine.errors import SparkError
from spark_engine.types.logs import LogFilter, LogPage, as_text

ROW_HEIGHT = 24
_WIDTHS = {TIME: 104, LEVEL: 72, SOURCE: 220}
_NARROW = 720
HELD = 5000
"""Lines that wait while it is paused; older ones are in the files."""


class LogsPage(CardPage):
    """Lines are followed while the page is in sight. At the end of the list it stays at the end."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.head, self.rows, self.table = LogsHead(), LogRows(self), QTableView()
        self.jump = Button("Jump to newest", "arrow-down")
        self.whole, self.whole_head = label(look="mono", wrap=True, selectable=True), label(look="small")
        self.card, self.trouble = Card(margin=GRID + 4), label(look="bad", wrap=True)
        self.feed = LogFeed(context.actions, self)
        self._held: list[LogPage] = []
        self._is_ready, self._at_end = False, True
        self._arrange()
        self._connect()
        self._draw()

    def _arrange(self) -> None:
        self.use_whole_width()
        self.column.addWidget(self.head)
        self.column.addWidget(self.trouble)
        self.column.addWidget(self.table, 1)
        self.column.addLayout(row(None, self.jump, None))
        self.card.column.addWidget(self.whole_head)
        self.card.column.addWidget(self.whole)
        self.column.addWidget(self.card)
        self.trouble.hide()
        self.card.hide()
        self.jump.hide()
        table = self.table
        table.setAccessibleName("Lines of the logs")
        table.setModel(self.rows)
        table.setFont(body_font(table.font(), SIZE_SMALL))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setMinimumHeight(6 * ROW_HEIGHT)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        table.horizontalHeader().setHighlightSections(False)
        table.horizontalHeader().setSectionResizeMode(TEXT, QHeaderView.ResizeMode.Stretch)
        for column, width in _WIDTHS.items():
            table.setColumnWidth(column, width)

    def _connect(self) -> None:
        self._store.link_changed.connect(self._draw)
        self.empty.acted.connect(self._act)
        self.head.filtered.connect(self._filter)
        self.head.paused.connect(self._pause)
        self.head.copy.clicked.connect(self.copy_lines)
        self.head.folder.clicked.connect(self._open_folder)
        self.jump.clicked.connect(self._jump)
        self.feed.began.connect(self._begin)
        self.feed.came.connect(self._take)
        self.feed.refused.connect(self._show_trouble)
        self.table.selectionModel().selectionChanged.connect(self._show_whole)
        self.rows.modelReset.connect(self._show_whole)
        self.table.verticalScrollBar().valueChanged.connect(self._note_place)
        self.table.verticalScrollBar().rangeChanged.connect(self._keep_place)
        keys = QShortcut(QKeySequence.StandardKey.Copy, self.table, self.copy_lines)
        keys.setContext(Qt.ShortcutContext.WidgetShortcut)

    def recheck(self) -> None:
        """F5: begin anew."""
        self.feed.stop()
        self._follow()

    def showEvent(self, event: QShowEvent) -> None:
        """Qt: it comes into sight."""
        super().showEvent(event)
        self._draw()

    def hideEvent(self, event: QHideEvent) -> None:
        """Qt: it goes out of sight."""
        super().hideEvent(event)
        self.feed.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: the size changed."""
        super().resizeEvent(event)
        self.table.setColumnHidden(SOURCE, self.width() < _NARROW)

    def copy_lines(self) -> None:
        """Put the chosen lines on the clipboard, or all that are shown."""
        chosen = [index.row() for index in self.table.selectionModel().selectedRows()]
        lines = [self.rows.lines[at] for at in sorted(chosen)] if chosen else self.rows.lines
        text = "".join(f"{as_text(line, day(line.at))}\n" for line in lines)
        self._context.actions.copy(text, counted(len(lines), "line", "lines"))

    # --- what comes ----------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if self._store.state is None or not isinstance(self._store.link, Connected):
            self.feed.stop()
            if not self.rows.count:
                self._show_absence()
        else:
            self._follow()
            self._show_what_there_is()

    def _show_absence(self) -> None:
        self.show_absence(self._store, f"Its log files are in {self._context.base.logs}.")

    def _show_what_there_is(self) -> None:
        if self.rows.count or not self.trouble.isHidden():
            self.show_cards()
        elif self._is_ready:
            text = "What Spark does stands here as it happens."
            self.show_empty("file-text", "Nothing was logged yet", text, "Open folder")
        else:
            self.show_empty(WAITING, "Reading the logs", "This takes a moment.", "Open folder")

    def _follow(self) -> None:
        if self.isVisible():
            self.feed.start()

    def _begin(self) -> None:
        """A connection begins with the latest lines; those of the one before are among them."""
        self.rows.clear()
        self._held.clear()
        show_text(self.trouble, "")

    def _take(self, page: LogPage) -> None:
        self._is_ready = True
        if self.head.is_paused and self.rows.count:
            self._held.append(page)
            del self._held[:-HELD]
        else:
            self._add(page)
        self._tell()
        self._show_what_there_is()

    def _add(self, page: LogPage) -> None:
        at_end = self._at_end
        if self.rows.add(page.lines) and at_end:
            self.table.scrollToBottom()

    def _pause(self, paused: bool) -> None:
        if not paused:
            held, self._held = self._held, []
            for page in held:
                self._add(page)
        self._tell()

    def _filter(self, wanted: LogFilter) -> None:
        self.rows.show_only(wanted)
        self.table.scrollToBottom()
        self._tell()

    def _tell(self) -> None:
        waiting = sum(len(page.lines) for page in self._held)
        if self.head.is_paused:
            told = f"Paused, {counted(waiting, 'new line', 'new lines')}" if waiting else "Paused"
        elif len(self.rows.lines) < self.rows.count:
            told = f"{len(self.rows.lines):,} of {counted(self.rows.count, 'line', 'lines')}"
        else:
            told = counted(self.rows.count, "line", "lines")
        self.head.told.setText(told)

    def _show_trouble(self, error: SparkError) -> None:
        if error.code != "engine_unreachable":
            show_text(self.trouble, plain(f"{error.title}. {error.message} {error.remedy}"))
            self._show_what_there_is()

    # --- where one looks -----------------------------------------------------------------------------------

    def _note_place(self) -> None:
        """Somebody scrolled: at the end it stays at the end, elsewhere it stays where it is."""
        bar = self.table.verticalScrollBar()
        self._at_end = bar.value() >= bar.maximum() - 1
        self.jump.setVisible(not self._at_end)

    def _keep_place(self) -> None:
        """There is more or less to scroll."""
        if self._at_end:
            self.table.scrollToBottom()

    def _jump(self) -> None:
        if self.head.is_paused:
            self.head.toggle()
        self.table.scrollToBottom()
        self.table.setFocus()

    def _show_whole(self) -> None:
        """All of the one chosen line."""
        chosen = self.table.selectionModel().selectedRows()
        line = self.rows.line(chosen[0].row()) if len(chosen) == 1 else None
        self.card.setVisible(line is not None)
        if line is not None:
            self.whole_head.setText(f"{day(line.at)} · {line.level} · {source_words(line)}")
            self.whole.setText(line.text[:4000])

    def _open_folder(self) -> None:
        self._context.actions.show_folder(str(self._context.base.logs))

    def _act(self) -> None:
        if isinstance(self._store.link, (Refused, Stopped)):
            self._context.actions.start_engine()
        else:
            self._open_folder()
