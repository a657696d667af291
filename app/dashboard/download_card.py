"""The card of a download that brings a model which is not in the library yet."""

from app.dashboard.context import Context
from app.dashboard.download_row import DownloadRow
from app.download_words import checked_words
from app.tokens import GRID
from app.widgets.card import Card, row
from app.widgets.text import ElidedLabel, label, show_text
from spark_engine.types.downloads import DownloadEntry, Fetched


class DownloadCard(Card):
    """Name, where it comes from, and how far it is."""

    def __init__(self, download: DownloadEntry, context: Context) -> None:
        super().__init__()
        self.id = download.id
        self._name = ElidedLabel(download.id, "lead", snug=True)
        self._source, self._over = ElidedLabel(look="small", snug=True), label(look="small", wrap=True)
        self.row = DownloadRow(download.id, context)
        self.column.setSpacing(GRID)
        self.column.addLayout(row(self._name, self._source, None))
        self.column.addWidget(self.row)
        self.column.addWidget(self._over)

    def show_download(self, download: DownloadEntry) -> None:
        """Show where it stands."""
        over = isinstance(download.status, Fetched)
        self._source.show_whole(f"from {download.source}")
        self.row.setVisible(not over)
        show_text(self._over, checked_words(download) if over else "")
        if not over:
            self.row.show_download(download)
