"""The one program `spark`: chooses its role by the first argument and loads nothing of the others."""

import importlib
import os
import runpy
import sys
from collections.abc import Mapping, Sequence

GUI_REMEDY = (
    "Install it with `python3 installer/bootstrap.py run`, or use Spark without a window: `spark serve`."
)
_APP_OPTIONS = {"--base-dir": 1, "--theme": 1, "--hidden": 0}
"""The window's options, and how many values each takes."""
DISPLAY_REMEDY = "Start Spark on a desktop, or without a window: `spark serve`."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the role that `argv` (default: the command line) asks for; returns the exit status."""
    match list(sys.argv[1:] if argv is None else argv):
        case arguments if _for_the_app(arguments):
            return _tray_app(arguments)
        case ["--version"]:
            return _version()
        case ["runner"]:
            return _runner()
        case arguments:
            return _command(arguments)


def _for_the_app(arguments: list[str]) -> bool:
    """Whether these are options of the window and no command: nothing, `--hidden`, `--base-dir DIR --theme dark`."""
    rest = list(arguments)
    while rest and rest[0] in _APP_OPTIONS:
        del rest[: 1 + _APP_OPTIONS[rest[0]]]
    return not rest


def _version() -> int:
    from spark_engine import __version__

    print(f"spark {__version__}")
    return 0


def _runner() -> int:
    from spark_engine.runner.main import main as run_runner

    return run_runner()


def _command(arguments: Sequence[str]) -> int:
    from spark_engine.cli.app import run

    return run(arguments)


def _tray_app(arguments: list[str]) -> int:
    """Run the package `app` by its name.

    The window is one client among several: it imports Spark's client, and nothing of Spark imports it.
    Only this program, which is every role, has to start it, so it does without an import statement.
    """
    missing = _missing_display(sys.platform, os.environ) or _missing_qt()
    if missing:
        print(missing, file=sys.stderr)
        return 1
    try:
        sys.argv[1:] = arguments
        runpy.run_module("app", run_name="__main__")
    except SystemExit as end:
        return _exit_status(end.code)
    return 0


def _missing_display(platform: str, environ: Mapping[str, str]) -> str:
    """A sentence when there is no screen to show a window on."""
    if platform != "linux" or any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        return ""
    return f"There is no display here, so Spark's window cannot open. {DISPLAY_REMEDY}"


def _missing_qt() -> str:
    """A sentence when Qt, or a system library it needs, is not there."""
    try:
        importlib.import_module("PySide6.QtWidgets")
    except ModuleNotFoundError:
        return f"Spark's window needs PySide6, which is not installed. {GUI_REMEDY}"
    except ImportError as error:
        return f"Spark's window needs a system library that is missing ({error}). {GUI_REMEDY}"
    return ""


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    return code if isinstance(code, int) else 1
