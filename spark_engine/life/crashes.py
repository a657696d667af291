"""Keeps what is known of crashes, a small folder each, under the base directory. Nothing is sent anywhere."""

import importlib.metadata
import logging
import platform
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from spark_engine import __version__
from spark_engine.life.safe_lines import fault_kind, places, safe_lines
from spark_engine.logs import redacted
from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record, write_whole
from spark_engine.types.crashes import CrashReport, KeptCrash
from spark_engine.types.settings import SettingValue

log = logging.getLogger(__name__)
MOST, SAME_WITHIN_S = 20, 600.0
MOST_CHARS = 64 * 1024
"""Of each of a crash's files."""
TAIL_BYTES = 32 * 1024
REPORT, TRACE, LOG = "crash.json", "trace.txt", "log.txt"
LIBRARIES = (
    "onnxruntime",
    "onnxruntime-genai",
    "llama-cpp-python",
    "torch",
    "transformers",
    "tokenizers",
    "llguidance",
    "numpy",
    "PySide6_Essentials",
)
_UNFIT = re.compile(r"[^\w.-]+")


def keep_crash(base: BaseDir, report: CrashReport, last_words: Iterable[str] = ()) -> KeptCrash | None:
    """Keep a crash with what its process said last and the end of Spark's log; None when it cannot be written.

    `last_words` are as they came; only what may be kept is. The oldest reports give way.
    """
    words = list(last_words)
    report = replace(
        report,
        kind=report.kind or fault_kind(words),
        places=report.places or places(words),
        last_at=report.last_at or report.at,
        versions=report.versions or versions(),
        plan={key: redacted(v) if isinstance(v, str) else v for key, v in report.plan.items()},
        settings={key: without_secrets(value) for key, value in report.settings.items()},
    )
    try:
        return _counted_up(base, report) or _new(base, report, words)
    except OSError as error:
        log.warning("the report of a crash cannot be kept: %s", error)
        return None


def kept_crashes(base: BaseDir) -> list[KeptCrash]:
    """Every crash that is kept, the latest first."""
    folders = [f for f in base.crashes.iterdir() if f.is_dir()] if base.crashes.is_dir() else []
    found = [(f, read_record(f / REPORT, CrashReport, None)) for f in folders]
    kept = [KeptCrash(f.name, str(f), report) for f, report in found if report is not None]
    return sorted(kept, key=lambda one: one.report.last_at, reverse=True)


def forget_crashes(base: BaseDir) -> int:
    """Delete every report; how many there were. OSError."""
    count = len(kept_crashes(base))
    if base.crashes.is_dir():
        shutil.rmtree(base.crashes)
    return count


def tail_lines(file: Path, most_bytes: int = TAIL_BYTES) -> list[str]:
    """The last whole lines of a file; none when it cannot be read."""
    try:
        with file.open("rb") as source:
            start = max(0, source.seek(0, 2) - most_bytes)
            source.seek(start)
            text = source.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[1 if start else 0 :]


def versions() -> dict[str, str]:
    """Of Spark, Python, the system and the libraries that run models, as far as they are installed."""
    found = {"spark": __version__, "python": platform.python_version(), "system": platform.platform()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def without_secrets(value: SettingValue) -> SettingValue:
    """A setting as it may be kept: an address without the name and password in it, a path without the user's name."""
    if not isinstance(value, str):
        return value
    return redacted(re.sub(r"(://)[^/@\s]+@", r"\1***@", value))


def _counted_up(base: BaseDir, report: CrashReport) -> KeptCrash | None:
    """The latest crash, counted once more, when this is the same again."""
    latest = next(iter(kept_crashes(base)), None)
    if (
        latest is None
        or report.at - latest.report.last_at > SAME_WITHIN_S
        or _kind(latest.report) != _kind(report)
    ):
        return None
    again = replace(latest.report, count=latest.report.count + 1, last_at=report.at)
    write_record(Path(latest.folder) / REPORT, again)
    return replace(latest, report=again)


def _kind(report: CrashReport) -> tuple[object, ...]:
    return report.process, report.about, report.how, report.kind, report.places[:1]


def _new(base: BaseDir, report: CrashReport, words: list[str]) -> KeptCrash:
    base.crashes.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = _folder(base, report)
    folder.mkdir(mode=0o700)
    write_record(folder / REPORT, report)
    own_log = "app.log" if report.process == "app" else "engine.log"
    for name, lines in ((TRACE, words), (LOG, tail_lines(base.logs / own_log))):
        write_whole(folder / name, "\n".join([*safe_lines(lines), ""])[-MOST_CHARS:].encode())
    for old in kept_crashes(base)[MOST:]:
        shutil.rmtree(old.folder, ignore_errors=True)
    return KeptCrash(folder.name, str(folder), report)


def _folder(base: BaseDir, report: CrashReport) -> Path:
    """A name that sorts by time and says whose crash it was."""
    at = time.strftime("%Y%m%d-%H%M%S", time.gmtime(report.at))
    whose = _UNFIT.sub("_", "-".join(part for part in (report.process, report.about) if part))[:80]
    folder, number = base.crashes / f"{at}-{whose}", 2
    while folder.exists():
        folder, number = base.crashes / f"{at}-{whose}-{number}", number + 1
    return folder
