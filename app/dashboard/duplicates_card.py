"""Files of models that lie on this machine more than once: the search with its progress, and what it found."""

import asyncio
from contextlib import aclosing

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import Card, row, rule
from app.widgets.progress_row import ProgressRow
from app.widgets.tab_order import order_after
from app.widgets.text import ElidedLabel, label
from app.words import counted, plain
from spark_engine.errors import SparkError
from spark_engine.tasks import create_task
from spark_engine.types.duplicates import Compared, Comparing, Copy, DuplicateGroup
from spark_engine.types.owners import owner_name
from spark_engine.types.quantities import amount, size

INTRO = "Spark never deletes another program's files; remove what you do not need where it belongs."
MOST = 40


class DuplicatesCard(Card):
    """Hidden until somebody asks. Cancelling ends the reading in the engine too."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._task: asyncio.Task[None] | None = None
        self.summary, self.intro = label(look="lead", wrap=True), label(INTRO, "small", wrap=True)
        self.progress = ProgressRow("Cancel the search for duplicates")
        self.close_button = Button("", "x", "plain", name="Close the duplicates")
        self.groups = QWidget()
        self._column = QVBoxLayout(self.groups)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID)
        head = row(self.summary, self.close_button)
        head.setStretch(0, 1)
        self.column.addLayout(head)
        for part in (self.intro, self.progress, self.groups):
            self.column.addWidget(part)
        self.progress.cancelled.connect(self.close_card)
        self.close_button.clicked.connect(self.close_card)
        self.hide()

    def search(self) -> None:
        """Begin, unless a search runs."""
        if self._task is None:
            self._clear()
            self._show(searching=True)
            self.summary.setText("Looking for files that lie here more than once")
            self.progress.show_progress(0.0, "Comparing sizes")
            self._task = create_task(self._search(), name="search duplicates")

    def close_card(self) -> None:
        """Put it away; a search that runs ends."""
        if self._task is not None:
            self._task.cancel()
        self._task = None
        self.hide()

    async def _search(self) -> None:
        try:
            async with aclosing(self._context.actions.client.search_duplicates()) as search:
                async for said in search:
                    self._take(said)
        except SparkError as error:
            self._end(plain(f"{error.title}. {error.message}"))

    def _take(self, said: Comparing | Compared) -> None:
        match said:
            case Comparing(done, total) if total:
                self.progress.show_progress(
                    done / total, f"Reading files of equal size, {amount(done, total)}"
                )
            case Compared(groups):
                self._end(found_words(said))
                for group in groups[:MOST]:
                    self._add(group)
                self.intro.setVisible(bool(groups))
                order_after(self.close_button, self.groups)

    def _end(self, summary: str) -> None:
        self._task = None
        self._show(searching=False)
        self.summary.setText(summary)

    def _show(self, *, searching: bool) -> None:
        self.show()
        self.progress.setVisible(searching)
        self.close_button.setVisible(not searching)
        self.intro.setVisible(False)

    def _add(self, group: DuplicateGroup) -> None:
        room = (
            f"{size(group.reclaimable_bytes)} could be freed"
            if group.reclaimable_bytes
            else "no more room than one of them takes"
        )
        self._column.addWidget(rule())
        self._column.addWidget(label(f"{len(group.copies)} × {size(group.size_bytes)}  ·  {room}", "strong"))
        for copy in group.copies:
            self._column.addWidget(_CopyLine(copy, self._context))

    def _clear(self) -> None:
        while (item := self._column.takeAt(0)) is not None:
            if (gone := item.widget()) is not None:
                gone.hide()
                gone.deleteLater()


class _CopyLine(QWidget):
    """One of the files: whose it is, what it serves, where it lies."""

    def __init__(self, copy: Copy, context: Context) -> None:
        super().__init__()
        linked = ", the same file under a second name" if copy.linked else ""
        whose = label(f"{owner_name(copy.owner)}  ·  {copy.variant}{linked}", "small")
        path = ElidedLabel(copy.path, "small")
        self.show_folder = Button("Show in folder", look="plain", name=f"Show {copy.path} in its folder")
        self.show_folder.clicked.connect(lambda: context.actions.show_folder(copy.path))
        line = row(whose, path, self.show_folder, spacing=2 * GRID)
        line.setStretch(1, 1)
        self.setLayout(line)


def found_words(found: Compared) -> str:
    """What a search found, in a sentence."""
    if not found.groups:
        return "No model file lies here twice"
    files = counted(len(found.groups), "file lies", "files lie")
    return f"{files} here more than once; {size(found.reclaimable_bytes)} could be freed"
