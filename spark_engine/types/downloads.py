"""Downloads of models: where each stands, as data that every watcher shows."""

from msgspec import Struct

from spark_engine.types.quantities import amount, size, time_left


class Preparing(Struct, frozen=True, tag="preparing"):
    """Nothing is fetched yet. `step` is a short phrase for people, as in `asking what the repository holds`."""

    step: str


class Fetching(Struct, frozen=True, tag="fetching"):
    """Bytes arrive. `seconds_left` is None while it cannot be told; `trouble` says in a phrase what is waited for
    after an interruption (empty: nothing)."""

    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    trouble: str = ""


class Paused(Struct, frozen=True, tag="paused"):
    """Stopped by its owner, or by an end of Spark; what was fetched is kept."""


class DownloadFailed(Struct, frozen=True, tag="failed"):
    """It cannot go on by itself; the text fields are those of `errors.SparkError`. What was fetched is kept."""

    code: str
    title: str
    message: str
    remedy: str = ""


class Fetched(Struct, frozen=True, tag="fetched"):
    """Every file is here, whole and checked, and stands in the library. `seconds`: how long it took."""

    seconds: float


DownloadStatus = Preparing | Fetching | Paused | DownloadFailed | Fetched


class DownloadEntry(Struct, frozen=True):
    """One download: `id` is the variant it brings, `source` the repository (`org/name`), `revision` the commit it is
    of (empty until the repository answered). Sizes in bytes; `bytes_done` counts what was fetched and kept.
    `started_at`: seconds since the epoch."""

    id: str
    source: str
    status: DownloadStatus
    revision: str = ""
    bytes_total: int = 0
    bytes_done: int = 0
    files_total: int = 0
    files_done: int = 0
    started_at: float = 0.0


def is_running(download: DownloadEntry) -> bool:
    """Whether it will change by itself."""
    return isinstance(download.status, Preparing | Fetching)


def progress_words(download: DownloadEntry) -> str:
    """Where a download stands, for people: `1.2 of 4.9 GB · 35 MB/s · about 2 min left`, `paused · 1.2 of 4.9 GB`."""
    so_far = amount(download.bytes_done, download.bytes_total) if download.bytes_total else ""
    match download.status:
        case Preparing(step):
            parts = (step, so_far if download.bytes_done else "")
        case Fetching(_, _, trouble) if trouble:
            parts = (so_far, trouble)
        case Fetching(rate, left, _):
            told = f"{time_left(left)} left" if left is not None else ""
            parts = (so_far, " · ".join(part for part in (f"{size(rate)}/s" if rate else "", told) if part))
        case Paused():
            parts = ("paused", so_far)
        case DownloadFailed():
            parts = (f"{so_far} kept" if download.bytes_done else "nothing was fetched yet", "")
        case Fetched():
            parts = (size(download.bytes_total), "")
    return " · ".join(part for part in parts if part)
