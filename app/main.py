"""Starts the desktop app: one per base directory; the engine starts while the window is being made."""

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from app.event_loop import EventLoop
from app.instance import SingleInstance
from app.make_ready import make_ready
from app.preferences import read_preferences
from app.theme import Appearance
from spark_engine import logs
from spark_engine.client.process import Launch, launch_engine
from spark_engine.life.run_mark import RunMark
from spark_engine.paths import BaseDir, base_dir

if TYPE_CHECKING:
    from app.desktop import Desktop


def main(argv: Sequence[str] | None = None) -> int:
    """Run until the user quits; 0. A second start shows the first one's window and returns 0, or 1 if it is deaf;
    a hidden one leaves the first one as it is."""
    options = _parser().parse_args(argv)
    if options.base_dir:
        os.environ["SPARK_HOME"] = str(base_dir(options.base_dir).root)
    app = QApplication(sys.argv[:1])
    make_ready(app)
    base = base_dir(options.base_dir)
    instance = SingleInstance(base, app)
    if not instance.take():
        return 0 if options.hidden or instance.call_first() else _deaf()
    launch = launch_engine(base)
    with contextlib.suppress(OSError):  # a full disk must not keep the window away
        logs.setup("app", base.logs)
    Appearance(app, options.theme or read_preferences(base).forced_theme)
    with RunMark(base, "app"), EventLoop(app) as loop:
        loop.run_until_complete(_run(instance, _desktop(base, launch, hidden=options.hidden)))
    instance.release()
    return 0


def _desktop(base: BaseDir, launch: Launch | None, *, hidden: bool) -> "Desktop":
    """The window and all that belongs to it; loading them takes as long as the engine takes to load beside."""
    from app.desktop import Desktop

    return Desktop(base, hidden=hidden, launch=launch)


async def _run(instance: SingleInstance, desktop: "Desktop") -> None:
    gc.freeze()  # what the program is made of stays; looking through it took 80 ms of the window's time
    instance.raised.connect(desktop.window.bring_up)
    _quit_on_signals(desktop)
    await desktop.run()


def _quit_on_signals(desktop: "Desktop") -> None:
    """End in order when the session or the terminal ends or Ctrl+C is pressed, where the system has such signals."""
    loop = asyncio.get_running_loop()
    hangup = getattr(signal, "SIGHUP", None)
    wanted = [] if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN else [hangup]
    for number in (signal.SIGTERM, signal.SIGINT, *wanted):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, desktop.quit)


def _deaf() -> int:
    print("Spark is already running here but does not answer. End it and start again.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="spark", description="Spark's tray icon and window.")
    parser.add_argument(
        "--base-dir", metavar="DIR", help="where everything Spark writes lies (default: SPARK_HOME)"
    )
    parser.add_argument("--hidden", action="store_true", help="start in the tray, without the window")
    parser.add_argument(
        "--theme", choices=("light", "dark"), help="do not follow the system's light and dark"
    )
    return parser
