"""A progress bar on stderr for as long as something takes; silent where nobody watches."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from spark_engine.cli.terminal import Terminal
from spark_engine.types.components import Installing
from spark_engine.types.downloads import (
    DownloadEntry,
    DownloadFailed,
    Fetched,
    Fetching,
    Paused,
    Preparing,
)
from spark_engine.types.models import Loading, Restarting, VariantStatus, status_word
from spark_engine.types.quantities import size, time_left


class Bar:
    """One bar; `show(fraction, step)` moves it, a fraction of None only says that it goes on."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None, step="")

    def show(self, fraction: float | None, step: str) -> None:
        """Move the bar."""
        total = None if fraction is None else 1.0
        self._progress.update(self._task, completed=fraction or 0.0, total=total, step=step)

    def show_loading(self, status: VariantStatus) -> None:
        """A model on its way."""
        match status:
            case Loading(fraction, step):
                self.show(fraction, step)
            case Restarting(_, _, reason):
                self.show(None, reason)
            case _:
                self.show(None, status_word(status))

    def show_download(self, download: DownloadEntry) -> None:
        """A model's files on their way."""
        total = download.bytes_total
        self.show(download.bytes_done / total if total else None, download_words(download))

    def show_installing(self, status: Installing) -> None:
        """A component on its way."""
        self.show(status.fraction, status.step)


def download_words(download: DownloadEntry) -> str:
    """Where a download stands, in words: `1.2 of 4.9 GB · 35 MB/s · about 2 min left`."""
    amount = f"{size(download.bytes_done)} of {size(download.bytes_total)}" if download.bytes_total else ""
    match download.status:
        case Preparing(step):
            parts = [step]
        case Fetching(bytes_per_second, left, trouble):
            rate = f"{size(bytes_per_second)}/s" if bytes_per_second else ""
            parts = [
                amount,
                trouble or rate,
                f"{time_left(left)} left" if left is not None and not trouble else "",
            ]
        case Paused():
            parts = ["paused", amount]
        case DownloadFailed(_, title):
            parts = [title, amount]
        case Fetched():
            parts = [size(download.bytes_total)]
    return " · ".join(part for part in parts if part)


@contextmanager
def progress_bar(terminal: Terminal, title: str) -> Iterator[Bar]:
    """A bar that disappears when the work is done."""
    columns = (
        SpinnerColumn(style="dim"),
        TextColumn("{task.description}", markup=False),
        BarColumn(24),
        TaskProgressColumn(style="none"),
        TextColumn("{task.fields[step]}", style="dim", markup=False),
    )
    with Progress(*columns, console=terminal.err, transient=True, disable=not terminal.is_live) as progress:
        yield Bar(progress, title)
