"""Models: a card per model, a row per variant, live; downloads, finding and adding models."""

from PySide6.QtCore import QTimer

from app.dashboard.context import Context
from app.dashboard.download_card import DownloadCard
from app.dashboard.model_card import ModelCard
from app.dashboard.model_order import Order, is_meant, ordered
from app.dashboard.models_head import ModelsHead
from app.dashboard.page import CardPage
from app.dashboard.shelf import Section, Shelf
from app.link import Connected, Refused, Stopped
from app.widgets.tab_order import follow_reading_order
from app.widgets.text import label, show_text
from spark_engine.types.downloads import DownloadEntry
from spark_engine.types.state import EngineState, find_variant


class ModelsPage(CardPage):
    """Every model with a card or a folder, and every download of one that is not in the library yet.

    Rows change in place. The order is that of the moment when the page was opened, so that nothing jumps away from
    under the pointer when a download has arrived.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.head, self.shelf = ModelsHead(context), Shelf(context)
        self.coming: dict[str, DownloadCard] = {}
        self._order = Order()
        self._nothing = label(look="quiet", wrap=True)
        for part in (self.head, self.shelf, self._nothing):
            self.column.addWidget(part)
        self.column.addStretch(1)
        self._tabs = QTimer(self, singleShot=True, interval=0)
        self._connect()
        self._draw()

    def _connect(self) -> None:
        store = self._store
        self.follow(
            self._draw, store.link_changed, store.models_changed, store.components_changed,
            store.downloads_changed, store.conversions_changed,
        )  # fmt: skip
        self.empty.acted.connect(self._act)
        self.head.sought.connect(self._seek)
        self.shelf.grown.connect(self._tabs.start)
        self._tabs.timeout.connect(lambda: follow_reading_order([self]))
        self.area.verticalScrollBar().valueChanged.connect(self._scrolled)
        self._context.actions.busy_changed.connect(self._show_busy)

    @property
    def cards(self) -> dict[str, ModelCard]:
        """The cards that were made so far, by model."""
        return self.shelf.cards

    def recheck(self) -> None:
        """F5: look again for models on disk."""
        self._order = Order()
        self._context.actions.rescan()

    def shown(self) -> None:
        """The page came to the front: what is here first, from now on in this order."""
        super().shown()
        self._order = Order()
        self._draw()

    def _act(self) -> None:
        if isinstance(self._store.link, (Refused, Stopped)):
            self._context.actions.start_engine()
        else:
            self._context.actions.rescan()

    def _draw(self) -> None:
        state = self._store.state
        if state is None or not isinstance(self._store.link, Connected):
            self.show_absence(self._store)
        elif not state.models and not state.downloads:
            folder = self._context.base.models
            text = f"Put a model's files into {folder}/<model>/<variant>/ and look again."
            self.show_empty("cube", "No models yet", text, "Rescan")
        else:
            self._draw_coming(state)
            self._draw_models(state)
            self.show_cards()

    def _draw_models(self, state: EngineState) -> None:
        if set(self._order.ids) != set(state.models):
            self._order = ordered(state)
        self.head.show_state(state)
        wanted = self.head.wanted
        sections = [
            Section(title, tuple(state.models[id] for id in ids if is_meant(state.models[id], wanted)))
            for title, ids in (("On this machine", self._order.here), ("To download", self._order.others))
        ]
        found = any(section.models for section in sections)
        show_text(self._nothing, "" if found or not wanted else f"No model is called “{wanted}”.")
        self.shelf.show_sections(sections, state)

    def _draw_coming(self, state: EngineState) -> None:
        """Downloads of models that have no row of their own."""
        strays = {id: d for id, d in state.downloads.items() if find_variant(state, id) is None}
        for id in [id for id in self.coming if id not in strays]:
            card = self.coming.pop(id)
            card.hide()
            card.deleteLater()
        for id, download in strays.items():
            if id not in self.coming:
                self._add_coming(download)
            self.coming[id].show_download(download)

    def _add_coming(self, download: DownloadEntry) -> None:
        self.coming[download.id] = DownloadCard(download, self._context)
        self.column.insertWidget(len(self.coming), self.coming[download.id])
        self._tabs.start()

    def _seek(self) -> None:
        self.shelf.start_over()
        self._draw()

    def _scrolled(self, to: int) -> None:
        bar = self.area.verticalScrollBar()
        if to > bar.maximum() - bar.pageStep() // 2:
            self.shelf.go_on()

    def _show_busy(self, key: str) -> None:
        intent, _, id = key.partition(":")
        for card in self.coming.values():
            if self._store.state and (download := self._store.state.downloads.get(card.id)):
                card.show_download(download)
        if id:
            self.shelf.show_busy("" if intent in ("install", "cancel") else id.partition(":")[0])
