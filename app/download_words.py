"""Where a download stands, as values that a window shows: how full the bar, which words, which mark, which button."""

from typing import Literal

from msgspec import Struct

from app.widgets.chip import Shape
from app.words import duration, plain
from spark_engine.types.downloads import (
    DownloadEntry,
    DownloadFailed,
    Fetched,
    Fetching,
    Preparing,
    is_running,
    progress_words,
)
from spark_engine.types.models import VariantEntry, is_installed
from spark_engine.types.quantities import size

Step = Literal["pause_download", "resume_download"]


class Transfer(Struct, frozen=True):
    """`word`, `tone` and `shape` are a chip's; `words` stand at the bar, `message` and `remedy` below it. `step` is
    the intent of the button `button`."""

    fraction: float
    word: str
    tone: str
    shape: Shape
    words: str
    step: Step
    button: str
    message: str = ""
    remedy: str = ""
    details: str = ""


def transfer(download: DownloadEntry) -> Transfer:
    """A download that is not over."""
    words, part = progress_words(download), fraction(download)
    words = words[:1].upper() + words[1:]
    match download.status:
        case Preparing():
            return Transfer(part, "preparing", "info", "half", words, "pause_download", "Pause")
        case Fetching(_, _, trouble) if trouble:
            return Transfer(part, "waiting", "warn", "triangle", words, "pause_download", "Pause")
        case Fetching():
            return Transfer(part, "downloading", "info", "half", words, "pause_download", "Pause")
        case DownloadFailed() as failed:
            return _failed(download, failed, words)
        case _:
            return Transfer(part, "paused", "quiet", "dash", words, "resume_download", "Resume")


def _failed(download: DownloadEntry, failed: DownloadFailed, words: str) -> Transfer:
    told = (failed.title, failed.message, failed.remedy, f"code: {failed.code}", download.source)
    return Transfer(
        fraction(download), "failed", "bad", "cross", words, "resume_download", "Try again",
        message=plain(f"{failed.title}. {failed.message}".strip()),
        remedy=plain(failed.remedy),
        details="\n".join(part for part in told if part),
    )  # fmt: skip


def fraction(download: DownloadEntry) -> float:
    """How much of it is here, 0..1."""
    return download.bytes_done / download.bytes_total if download.bytes_total else 0.0


def unfinished(variant: VariantEntry, downloads: dict[str, DownloadEntry]) -> DownloadEntry | None:
    """The download that is to bring this variant; None when there is none, or the files are here without it."""
    found = downloads.get(variant.id)
    if found is None or isinstance(found.status, Fetched):
        return None
    return found if is_running(found) or not is_installed(variant.status) else None


def checked_words(download: DownloadEntry) -> str:
    """What a download that is over has brought and how its files were checked."""
    took = f" in {duration(download.status.seconds * 1000)}" if isinstance(download.status, Fetched) else ""
    revision = f", revision {download.revision[:12]}" if download.revision else ""
    return (
        f"{size(download.bytes_total)} from {download.source}{revision}, fetched{took}; "
        "the hash of every file was checked."
    )
