"""A progress bar on stderr for as long as something takes; silent where nobody watches."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from spark_engine.cli.terminal import Terminal
from spark_engine.types.components import Installing
from spark_engine.types.downloads import DownloadEntry, progress_words
from spark_engine.types.models import Loading, Restarting, VariantStatus, status_word
from spark_engine.types.quantities import amount


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
        self.show(download.bytes_done / total if total else None, progress_words(download))

    def show_bytes(self, done: int, total: int) -> None:
        """So many bytes of some work; of how many is 0 while that is not known."""
        self.show(done / total if total else None, amount(done, total) if total else "")

    def show_installing(self, status: Installing) -> None:
        """A component on its way."""
        self.show(status.fraction, status.step)


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
