"""The row of one variant: format, size, state, whether it fits, and the one action that fits the state."""

from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.download_question import DownloadQuestion, needs_words
from app.dashboard.download_row import DownloadRow
from app.dashboard.removal import removal
from app.dashboard.row_action import RowAction, row_action
from app.dashboard.row_facts import RowFacts
from app.dashboard.row_menu import row_acts, row_menu
from app.dashboard.row_panels import RowPanels, made_of
from app.dashboard.row_words import row_text, state_mark
from app.download_words import transfer, unfinished
from app.headline import variant_words
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.chip import Chip
from app.widgets.confirmation import Confirmation
from app.widgets.menu_button import MenuButton, MenuEntry
from app.widgets.progress_row import ProgressRow
from app.widgets.text import ElidedLabel, label, show_text
from spark_engine.types.components import ComponentEntry, Installing
from spark_engine.types.downloads import DownloadEntry
from spark_engine.types.models import Loading, NotInstalled, Unloaded, VariantEntry
from spark_engine.types.quantities import size
from spark_engine.types.state import EngineState

_W = TypeVar("_W", bound=QWidget)
COLUMNS = ((0, 200), (1, 64), (2, 144), (3, 196))


class VariantRow(QWidget):
    """Shows a variant, its download, and where it matters its backend component. What is rarely needed (progress,
    a question) is made when it is first shown: a library may have hundreds of rows.
    """

    def __init__(self, variant: VariantEntry, model_name: str, context: Context) -> None:
        super().__init__()
        self._context, self._variant, self._model_name = context, variant, model_name
        self._models = context.base.models
        self._full_name = f"{model_name}, {variant_words(variant)}"
        self._name, self._size = ElidedLabel(variant_words(variant)), label(look="small")
        self.chip, self.button = Chip(bare=True), Button()
        self.more = MenuButton(f"More for {self._full_name}", self._menu)
        self.facts = RowFacts()
        self._detail = label(look="small", wrap=True)
        self._remedy = label(look="small", wrap=True, selectable=True)
        self._action: RowAction | None = None
        self._evidence = ""
        self._arrange()
        self.button.clicked.connect(self._act)
        self.more.chosen.connect(self._choose)

    def _arrange(self) -> None:
        line = QGridLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setHorizontalSpacing(2 * GRID)
        middle = Qt.AlignmentFlag.AlignVCenter
        for column, widget in enumerate((self._name, self._size, self.chip)):
            line.addWidget(widget, 0, column, middle if column else Qt.AlignmentFlag(0))
        line.addLayout(row(None, self.button, self.more, spacing=4), 0, 3)
        for column, width in COLUMNS:
            line.setColumnMinimumWidth(column, width)
        line.setColumnStretch(3, 1)
        words = QVBoxLayout()
        words.setSpacing(2)
        for part in (self.facts, self._detail, self._remedy):
            words.addWidget(part)
        self._below = row(spacing=GRID)
        self._below.addLayout(words, 1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID // 2)
        self._column.addLayout(line)
        self._column.addLayout(self._below)

    @cached_property
    def loading(self) -> ProgressRow:
        """How far loading is."""
        return self._added(ProgressRow())

    @cached_property
    def progress(self) -> ProgressRow:
        """How far the installation of its component is."""
        made = self._added(ProgressRow(f"Cancel installing for {self._model_name}"))
        made.cancelled.connect(self._cancel_install)
        return made

    @cached_property
    def download(self) -> DownloadRow:
        """How far its download is."""
        made = self._added(DownloadRow(self._full_name, self._context))
        _chain(self.more, *made.bar.buttons, made.question.keep, made.question.go_on)
        return made

    @cached_property
    def copy_details(self) -> Button:
        """Copies what is behind a failure."""
        made = Button("Copy details", "copy", "plain", name=f"Copy details: {self._full_name}")
        self._below.addWidget(made, 0, Qt.AlignmentFlag.AlignBottom)
        made.clicked.connect(lambda: self._context.actions.copy(self._evidence, "The details"))
        _chain(self.more, made)
        return made

    @cached_property
    def question(self) -> Confirmation:
        """Asks before anything is removed."""
        made = self._added(Confirmation())
        made.confirmed.connect(self._remove)
        made.declined.connect(self.more.setFocus)
        _chain(self.more, made.keep, made.go_on)
        return made

    @cached_property
    def download_question(self) -> DownloadQuestion:
        """Asks before a download that needs more than the model."""
        made = self._added(DownloadQuestion(self._context))
        made.declined.connect(self.button.setFocus)
        _chain(self.more, made.keep, made.other, made.go_on)
        return made

    @cached_property
    def panels(self) -> RowPanels:
        """Its load options, what it can become, and what is being made of it."""
        return self._added(RowPanels(self._variant.id, self._full_name, self._context, self.more))

    def show_variant(self, variant: VariantEntry, state: EngineState, *, best: bool = False) -> None:
        """Show the present state. `best`: this is the one of its model to fetch."""
        self._variant = variant
        component = self._component(state)
        lacking = component if isinstance(variant.status, Unloaded) else None
        coming = unfinished(variant, state.downloads)
        self._size.setText(size(variant.size_bytes) if variant.size_bytes else "")
        self.chip.show_state(*state_mark(variant, lacking, transfer(coming) if coming else None))
        self.facts.show_facts(variant, state.downloads.get(variant.id), self._models)
        self._show_words(variant, lacking)
        if component is not None and isinstance(variant.status, NotInstalled):
            show_text(self._detail, needs_words(component))
        self._show_progress(variant, component)
        if "panels" in self.__dict__ or made_of(variant.id, state):
            self.panels.show_state(variant, state)
        self._show_download(coming)
        self._show_action(None if coming else row_action(variant, component), best=best)

    def _show_words(self, variant: VariantEntry, lacking: ComponentEntry | None) -> None:
        text = row_text(variant, lacking)
        self._evidence = text.evidence
        show_text(self._detail, text.detail)
        show_text(self._remedy, text.remedy)
        self._show_rare("copy_details", bool(text.evidence))

    def _show_progress(self, variant: VariantEntry, component: ComponentEntry | None) -> None:
        installing = component.status if component and isinstance(component.status, Installing) else None
        self._show_rare("loading", isinstance(variant.status, Loading))
        self._show_rare("progress", installing is not None)
        if isinstance(variant.status, Loading):
            self.loading.show_progress(variant.status.fraction, variant.status.step)
        if installing is not None:
            self.progress.show_progress(installing.fraction, installing.step)

    def _show_download(self, coming: DownloadEntry | None) -> None:
        self._show_rare("download", coming is not None)
        if coming is not None:
            self.download.show_download(coming)
            if self.button.hasFocus():
                self.download.bar.step.setFocus()

    def _show_action(self, action: RowAction | None, *, best: bool) -> None:
        self._action = action
        self.button.setVisible(action is not None)
        if action is not None:
            busy = self._context.actions.is_busy(f"{action.intent}:{action.argument}")
            self.button.wear("primary" if best and action.intent == "download" else "")
            self.button.setEnabled(not busy)
            self.button.say(action.word, f"{action.word}: {self._full_name}")

    def _show_rare(self, name: str, wanted: bool) -> None:
        if wanted or name in self.__dict__:
            getattr(self, name).setVisible(wanted)

    def _added(self, part: _W) -> _W:
        self._column.addWidget(part)
        return part

    def _act(self) -> None:
        state = self._context.store.state
        if self._action is None:
            return
        if self._action.intent == "download" and state is not None:
            self.download_question.begin(self._variant.id, self._full_name, self._component(state))
        else:
            getattr(self._context.actions, self._action.intent)(self._action.argument)

    def _component(self, state: EngineState) -> ComponentEntry | None:
        """The one it needs that is not installed."""
        return state.components.get(self._variant.component) if self._variant.component else None

    def _cancel_install(self) -> None:
        self._context.actions.cancel_install(self._variant.component or self._variant.format)

    def _menu(self) -> list[MenuEntry]:
        return row_menu(self._variant, self._model_name, self._models)

    def _choose(self, key: str) -> None:
        asking = {"remove": self._ask_to_remove, "options": self._open_options, "convert": self._open_convert}
        row_acts(self._variant, self._context.actions, self._models, asking)[key]()

    def _open_options(self) -> None:
        self.panels.open_options(self._variant)

    def _open_convert(self) -> None:
        if self._context.store.state is not None:
            self.panels.open_convert(self._context.store.state)

    def _remove(self) -> None:
        taken_away = removal(self._variant, self._model_name, self._models)
        if taken_away is not None and taken_away.forgets:
            self._context.actions.forget(self._variant.id, self._full_name, self._variant.path or "")
        elif taken_away is not None:
            self._context.actions.remove(self._variant.id)

    def _ask_to_remove(self) -> None:
        taken_away = removal(self._variant, self._model_name, self._models)
        if taken_away is not None:
            self.question.ask(taken_away.question, taken_away.button, "Keep")


def _chain(*widgets: QWidget) -> None:
    """Tab goes through them one after the other."""
    for before, after in pairwise(widgets):
        QWidget.setTabOrder(before, after)
