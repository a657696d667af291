"""Whether Spark's window starts, hidden in the tray, when its user logs in: asked and changed in one place."""

import os
import sys
from pathlib import Path
from typing import Protocol

from spark_engine.errors import SparkError, Unavailable
from spark_engine.life.login_linux import AutostartEntry
from spark_engine.life.login_macos import LaunchAgent
from spark_engine.life.login_windows import RunKey
from spark_engine.paths import BaseDir, base_dir, program

HIDDEN = "--hidden"


class LoginEntry(Protocol):
    """Where a system keeps what it starts at login."""

    def is_on(self) -> bool:
        """Whether it would start a program that is there. OSError when that cannot be read."""
        ...

    def write(self, command: list[str]) -> None:
        """Start this from now on, in place of what was before. OSError, or SparkError when it cannot be kept so."""
        ...

    def remove(self) -> None:
        """Start nothing any more; nothing happens when it did not. OSError."""
        ...


def is_supported() -> bool:
    """Whether this system can start Spark at login."""
    return entry() is not None


def is_on() -> bool:
    """Whether Spark starts at login now; False where that cannot be told."""
    found = entry()
    try:
        return found is not None and found.is_on()
    except OSError:
        return False


def turn(on: bool, base: BaseDir | None = None) -> None:
    """Start Spark at login from now on, or do not; with `base`, else with the base directory of this process.

    SparkError when the system cannot, or refuses.
    """
    found = entry()
    if found is None:
        raise _unsupported()
    try:
        found.write(command(base)) if on else found.remove()
    except OSError as error:
        raise _refused(on, error) from error


def entry(platform: str = sys.platform) -> LoginEntry | None:
    """The place of this system; None where there is none that is known."""
    if platform == "win32":
        return RunKey.of_user()
    if platform == "darwin":
        return LaunchAgent(Path.home() / "Library" / "LaunchAgents")
    if platform.startswith(("linux", "freebsd")):
        return AutostartEntry(_xdg_config() / "autostart")
    return None


def command(base: BaseDir | None = None) -> list[str]:
    """What starts the window hidden, from anywhere: with the base directory where that is not the usual one."""
    if base is None and os.environ.get("SPARK_HOME"):
        base = base_dir()
    chosen = ["--base-dir", str(base.root)] if base else []
    return [*_without_console(program(HIDDEN)), *chosen]


def _without_console(start: list[str], platform: str = sys.platform) -> list[str]:
    """The same without a terminal window on Windows; and not from an AppImage's folder, which goes with it."""
    image = os.environ.get("APPIMAGE")
    if getattr(sys, "frozen", False) and image:
        return [image, *start[1:]]
    windowed = Path(start[0]).with_name("pythonw.exe")
    return [str(windowed), *start[1:]] if platform == "win32" and windowed.is_file() else start


def _xdg_config() -> Path:
    """Where this user's programs keep settings; a relative path counts as none."""
    chosen = Path(os.environ.get("XDG_CONFIG_HOME") or "")
    return chosen if chosen.is_absolute() else Path.home() / ".config"


def _unsupported() -> SparkError:
    return Unavailable(
        "login_start_unsupported",
        "Spark cannot start at login here",
        f"Spark does not know how programs are started at login on {sys.platform}.",
        "Start `spark --hidden` with your session's own means.",
    )


def _refused(on: bool, error: OSError) -> SparkError:
    what = "Spark could not be set to start at login" if on else "Spark still starts at login"
    where = f"{error.filename}: " if error.filename else ""
    return Unavailable(
        "login_start_refused",
        what,
        f"The system refused the change ({where}{error.strerror or error}).",
        "Check that your user may write there, then try again.",
    )
