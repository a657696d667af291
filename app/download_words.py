"""Where a download stands, as values that a window shows: how full the bar, which words, which mark, which button."""

from typing import Literal

from msgspec import Struct

from app.widgets.chip import Shape
from app.words import amount, duration, plain
from spark_engine.types.downloads import (
    DownloadEntry,
    DownloadFailed,
    Fetched,
    Fetching,
    Preparing,
    is_running,
)
from spark_engine.types.models import VariantEntry, is_installed
from spark_engine.types.quantities import size, time_left

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
    so_far = amount(download.bytes_done, download.bytes_total) if download.bytes_total else ""
    part = fraction(download)
    match download.status:
        case Preparing(step):
            words = _joined(step[:1].upper() + step[1:], so_far if download.bytes_done else "")
            return Transfer(part, "preparing", "info", "half", words, "pause_download", "Pause")
        case Fetching(_, _, trouble) if trouble:
            words = _joined(so_far, trouble)
            return Transfer(part, "waiting", "warn", "triangle", words, "pause_download", "Pause")
        case Fetching(rate, left, _):
            told = (f"{size(rate)}/s" if rate else "", f"{time_left(left)} left" if left is not None else "")
            words = _joined(so_far, *told)
            return Transfer(part, "downloading", "info", "half", words, "pause_download", "Pause")
        case DownloadFailed(code, title, message, remedy):
            kept = f"{so_far} kept" if download.bytes_done else "Nothing was fetched yet"
            details = "\n".join(p for p in (title, message, remedy, f"code: {code}", download.source) if p)
            told_why = plain(f"{title}. {message}".strip())
            return Transfer(
                part,
                "failed",
                "bad",
                "cross",
                kept,
                "resume_download",
                "Try again",
                told_why,
                plain(remedy),
                details,
            )
        case _:
            words = _joined("Paused", so_far)
            return Transfer(part, "paused", "quiet", "dash", words, "resume_download", "Resume")


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


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
