"""The system libraries that Qt loads on Linux: which are missing, and how they get here."""

import ctypes
import os
import shutil
import sys

from installer.child import stream
from installer.console import Console, SetupError

# Library Qt loads → Debian's and Ubuntu's package with it.
_ALWAYS = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
}
_WINDOW = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}
_SCREEN = {
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "xdotool": "xdotool",
    "dbus-daemon": "dbus",
    "trayer": "trayer",
}
"""Programs that tests start to have a screen of their own → package."""
_FONTS = "fonts-dejavu-core"
_QUIETLY = ("--yes", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0")
_COMPILER = ("build-essential", "cmake")


def missing(*, window: bool) -> dict[str, str]:
    """Libraries that cannot be loaded, with their packages; `window` adds those of a real screen."""
    if not sys.platform.startswith("linux"):
        return {}
    wanted = _ALWAYS | _WINDOW if window else _ALWAYS
    return {library: package for library, package in wanted.items() if not _loads(library)}


def ensure(console: Console, *, window: bool) -> None:
    """Install what is missing where that is possible; SetupError with the one command where it is not."""
    lacking = missing(window=window)
    if not lacking:
        return
    packages = [*sorted(lacking.values()), _FONTS]
    if not _may_install():
        raise SetupError(
            f"System libraries for the window are missing: {', '.join(sorted(lacking))}.", remedy(packages)
        )
    with console.step(f"Installing system libraries for the window: {' '.join(packages)}"):
        if not _install(packages, console):
            raise SetupError("The system libraries could not be installed.", remedy(packages))
    if still := missing(window=window):
        raise SetupError(f"System libraries are still missing: {', '.join(still)}.", remedy(packages))


def missing_screen() -> dict[str, str]:
    """What tests need to look at a real window and is not here: programs and libraries, with their packages."""
    if not sys.platform.startswith("linux"):
        return {}
    programs = {name: package for name, package in _SCREEN.items() if shutil.which(name) is None}
    return programs | missing(window=True)


def add_screen(console: Console) -> None:
    """Install what tests need to look at a real window; where that is impossible those tests are left out."""
    packages = sorted(missing_screen().values())
    if not packages:
        return
    if not _may_install():
        console.say("  Tests that look at a real window are left out; they need system packages.")
        console.say(f"  {remedy(packages)}")
        return
    with console.step(f"Installing a screen for the tests: {' '.join(packages)}"):
        _install([*packages, _FONTS], console)


def add_compiler(console: Console) -> None:
    """Install a C++ compiler where that is possible; where it is not, the component that needs it says so."""
    if _may_install():
        with console.step("Installing a C++ compiler for llama.cpp"):
            _install(list(_COMPILER), console)


def remedy(packages: list[str]) -> str:
    """The one command that installs the packages, or what to look for."""
    if shutil.which("apt-get"):
        sudo = "" if _is_root() else "sudo "
        return f"Run: {sudo}apt-get update && {sudo}apt-get install -y {' '.join(packages)}"
    return "Install the packages of your system that contain these libraries, then run this again."


def _may_install() -> bool:
    return _is_root() and shutil.which("apt-get") is not None


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _install(packages: list[str], console: Console) -> bool:
    """Install packages; the lists are fetched anew only where the first try fails."""
    if _apt(["install", *_QUIETLY, *packages], console):
        return True
    return _apt(["update"], console) and _apt(["install", *_QUIETLY, *packages], console)


def _apt(arguments: list[str], console: Console) -> bool:
    def on_line(line: str) -> None:
        console.going_on(line.strip(), minor=not line.startswith(("Need to get", "Fetched", "E:")))

    return stream(["apt-get", *arguments], on_line, {"DEBIAN_FRONTEND": "noninteractive"})[0] == 0
