"""What `spark doctor` looks at on the machine itself: Python, folders, space, settings, files, display."""

import importlib.util
import os
import platform
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from msgspec import Struct

from spark_engine.catalog.library import read_library
from spark_engine.cli.words import counted, seconds
from spark_engine.config.load import load_config
from spark_engine.errors import SparkError
from spark_engine.life.crashes import kept_crashes
from spark_engine.paths import BaseDir
from spark_engine.types.crashes import crash_words
from spark_engine.types.models import is_installed
from spark_engine.types.quantities import size

Verdict = Literal["ok", "warn", "bad"]
OLDEST_PYTHON = (3, 11)
NEEDED_BYTES, COMFORTABLE_BYTES = 500_000_000, 6_000_000_000
BUNDLED_MODEL = "spark-nano"
LATELY_S = 24 * 3600.0


class Finding(Struct, frozen=True):
    """One thing that was looked at. `remedy` is empty when nothing has to be done."""

    subject: str
    verdict: Verdict
    message: str
    remedy: str = ""


def machine_findings(base: BaseDir) -> list[Finding]:
    """Everything that can be seen without an engine."""
    return [
        python_finding(sys.version_info[:2]),
        folder_finding(base),
        disk_finding(base),
        settings_finding(base),
        bundled_model_finding(base),
        window_finding(sys.platform, os.environ),
        crashes_finding(base),
    ]


def python_finding(version: tuple[int, ...]) -> Finding:
    """Whether this Python is new enough."""
    text = f"{platform.python_version()}, {struct.calcsize('P') * 8} bit, {sys.executable}"
    if version >= OLDEST_PYTHON:
        return Finding("Python", "ok", text)
    return Finding("Python", "bad", f"{text} is too old.", "Install Python 3.11 or newer.")


def folder_finding(base: BaseDir) -> Finding:
    """Whether Spark may write where it keeps things."""
    folder = _nearest(base.root)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "Allow it, or choose another folder with SPARK_HOME or --base-dir."
        return Finding("Data folder", "bad", f"{base.root} cannot be written: {error.strerror}.", remedy)
    if folder != base.root:
        return Finding("Data folder", "ok", f"{base.root} (will be made)")
    return Finding("Data folder", "ok", str(base.root))


def disk_finding(base: BaseDir) -> Finding:
    """Whether there is room for models."""
    free = shutil.disk_usage(_nearest(base.root)).free
    text, remedy = f"{size(free)} free", "Free some space, or move the data folder to another disk."
    if free < NEEDED_BYTES:
        return Finding("Disk space", "bad", f"{text}: too little to work with.", remedy)
    if free < COMFORTABLE_BYTES:
        return Finding("Disk space", "warn", f"{text}: too little for Phi-4-mini (4.9 GB).", remedy)
    return Finding("Disk space", "ok", text)


def settings_finding(base: BaseDir) -> Finding:
    """Whether the settings can be read."""
    try:
        config = load_config(base.settings_file, os.environ)
    except SparkError as error:
        return Finding("Settings", "bad", error.message, error.remedy)
    changed = [key for key, resolved in config.values.items() if resolved.origin != "default"]
    return Finding("Settings", "ok", f"changed: {', '.join(changed)}" if changed else "all at their defaults")


def bundled_model_finding(base: BaseDir) -> Finding:
    """Whether the model that ships with Spark is there."""
    model = read_library(base).get(BUNDLED_MODEL)
    here = [v for v in model.variants if is_installed(v.status)] if model else []
    if not here:
        remedy = "Get Spark's files again: `resources/spark_nano` is incomplete."
        return Finding(BUNDLED_MODEL, "bad", "The model that ships with Spark is missing.", remedy)
    text = ", ".join(f"{v.format} {v.quantization} ({size(v.size_bytes)})" for v in here)
    return Finding(BUNDLED_MODEL, "ok", text)


def window_finding(system: str, environ: Mapping[str, str]) -> Finding:
    """Whether the app's window could open here."""
    if importlib.util.find_spec("PySide6") is None:
        remedy = "`python3 installer/bootstrap.py run` installs it; `spark serve` works without it."
        return Finding("Window", "warn", "PySide6 is not installed.", remedy)
    screens = [name for name in ("WAYLAND_DISPLAY", "DISPLAY") if environ.get(name)]
    if system == "linux" and not screens:
        return Finding("Window", "warn", "There is no display here.", "Use `spark serve` and `spark chat`.")
    desktop = environ.get("XDG_CURRENT_DESKTOP", "")
    if "GNOME" in desktop:
        text = "There is a display, but GNOME shows no tray icons: the window opens instead."
        return Finding("Window", "ok", text)
    return Finding("Window", "ok", "PySide6 and a display are there.")


def crashes_finding(base: BaseDir) -> Finding:
    """Whether something of Spark's crashed lately."""
    kept = kept_crashes(base)
    if not kept:
        return Finding("Crashes", "ok", "Nothing has crashed.")
    latest = kept[0].report
    ago = max(0.0, time.time() - latest.last_at)
    text = f"{counted(len(kept), 'report')} kept, the latest of {seconds(ago)} ago: {crash_words(latest)}"
    remedy = "`spark crashes` shows them; they were sent nowhere."
    return Finding("Crashes", "warn" if ago < LATELY_S else "ok", text, remedy)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the closest one above it that exists."""
    return next(f for f in (folder, *folder.parents) if f.exists())
