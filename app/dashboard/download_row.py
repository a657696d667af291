"""A download with its buttons: what the engine tells of it, and pausing, going on and dropping it."""

from functools import cached_property

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.token_panel import CODES, TokenPanel
from app.download_words import Transfer, transfer
from app.tokens import GRID
from app.widgets.confirmation import Confirmation
from app.widgets.tab_order import order_after
from app.widgets.transfer_row import TransferRow
from app.words import breakable
from spark_engine.types.downloads import DownloadEntry, DownloadFailed, is_running
from spark_engine.types.quantities import size

WORTH_ASKING = 100e6
_INTENTS = ("pause_download", "resume_download", "cancel_download")


class DownloadRow(QWidget):
    """Follows one download. Dropping one that has fetched much asks first: pausing is what keeps it."""

    def __init__(self, name: str, context: Context) -> None:
        super().__init__()
        self._name, self._context, self._actions = name, context, context.actions
        self.bar, self.question = TransferRow(f"download of {name}"), Confirmation()
        self._download: DownloadEntry | None = None
        self._now: Transfer | None = None
        self._asked_about: DownloadFailed | None = None
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.bar)
        column.addWidget(self.question)
        self.bar.stepped.connect(self._step)
        self.bar.dropped.connect(self._drop)
        self.bar.copied.connect(self._copy)
        self.question.confirmed.connect(self._cancel)
        self.question.declined.connect(self.bar.drop.setFocus)

    def show_download(self, download: DownloadEntry) -> None:
        """Show where it stands."""
        now = transfer(download)
        self._download, self._now = download, now
        busy = any(self._actions.is_busy(f"{intent}:{download.id}") for intent in _INTENTS)
        self.bar.show_progress(now.fraction, now.words, moving=is_running(download))
        remedy = "" if _asks_who(download) else now.remedy
        self.bar.show_trouble(breakable(now.message), remedy, details=bool(now.details))
        self.bar.show_step(now.button, enabled=not busy)
        self._show_token(download)

    @cached_property
    def token(self) -> TokenPanel:
        """Where the hub wants to know who downloads."""
        made = TokenPanel(self._name, self._context)
        self._column.addWidget(made)
        made.saved.connect(self._step)
        return made

    def _show_token(self, download: DownloadEntry) -> None:
        status = download.status
        if isinstance(status, DownloadFailed) and _asks_who(download):
            if status != self._asked_about:
                self.token.open(download.source, status.code)
                order_after(self.bar.drop, self.token)
            self._asked_about = status
        elif "token" in self.__dict__:
            self._asked_about = None
            self.token.hide()

    def _step(self) -> None:
        if self._download is not None and self._now is not None:
            getattr(self._actions, self._now.step)(self._download.id)

    def _drop(self) -> None:
        if self._download is None:
            return
        if self._download.bytes_done < WORTH_ASKING:
            self._cancel()
        else:
            fetched = size(self._download.bytes_done)
            question = f"Drop this download? The {fetched} that were fetched are deleted; Pause keeps them."
            self.question.ask(question, f"Delete {fetched}", "Keep")

    def _cancel(self) -> None:
        if self._download is not None:
            self._actions.cancel_download(self._download.id)

    def _copy(self) -> None:
        if self._now is not None:
            self._actions.copy(self._now.details, "The details")


def _asks_who(download: DownloadEntry) -> bool:
    """Whether a token could let it go on."""
    return isinstance(download.status, DownloadFailed) and download.status.code in CODES
