"""A real screen for tests: an X server in memory, a window manager, a session bus of its own, eyes and hands.

    with screen(tmp_path) as shown:
        app = shown.start(sys.executable, "-m", "app", "--base-dir", str(base.root))
        shown.click(40, 80)
        shown.shot(tmp_path / "after.png")

Everything it starts ends with it, and with the test process, however that ends.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from installer import system_packages
from spark_engine.engine import leash
from tests.support.served import wait_until

OTHER_DESKTOP = (
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DESKTOP_SESSION",
    "XDG_CURRENT_DESKTOP",
    "QT_STYLE_OVERRIDE",
)
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""On a disk the server would stand still whenever that is busy."""
XWD_FIELDS = 25
"""Numbers at the beginning of the picture's file, 32 bits each, the largest byte first."""


def lacking() -> str:
    """Why there can be no screen here; empty where there can."""
    if not sys.platform.startswith("linux"):
        return "only on Linux an X server can be started beside the desktop"
    if packages := system_packages.missing_screen():
        return f"missing: {', '.join(sorted(packages.values()))} (the test command installs them as root)"
    return ""


needs_screen = pytest.mark.skipif(bool(lacking()), reason=lacking() or "a screen can be started")
"""For tests that look at a real window."""


class Program:
    """A process on the screen. It ends with the one that started it."""

    def __init__(self, command: tuple[str, ...], env: Mapping[str, str], output: Path) -> None:
        self.command, self.output = command, output
        with output.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, leash.__file__, *command],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=dict(env),
            )  # fmt: skip

    def first_line(self) -> str:
        """What it says first on its standard output; AssertionError when it ends without a word."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode().strip()
        assert line, f"{self.command[0]} did not start: {self.errors()}"
        return line

    def errors(self) -> str:
        """What it wrote to its standard error so far."""
        return self.output.read_text(errors="replace")

    def end(self) -> None:
        """End it and what it started; it is asked first."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Screen:
    """`env` is the environment of programs that shall be seen on it; `bus` the address of its session bus."""

    def __init__(self, folder: Path, size: tuple[int, int], programs: ExitStack) -> None:
        self.folder, self.size, self._programs = folder, size, programs
        pictures = programs.enter_context(tempfile.TemporaryDirectory(prefix="spark-screen-", dir=IN_MEMORY))
        self._picture = Path(pictures) / "Xvfb_screen0"
        self.env = {name: value for name, value in os.environ.items() if name not in OTHER_DESKTOP}
        self.env |= {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "CACHE")}
        server = self.start(
            "Xvfb", "-displayfd", "1", "-screen", "0", f"{size[0]}x{size[1]}x24",
            "-fbdir", pictures, "-nolisten", "tcp", "-noreset",
        )  # fmt: skip
        self.display = f":{server.first_line()}"
        bus = self.start("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1")
        self.bus = bus.first_line()
        self.env |= {"DISPLAY": self.display, "DBUS_SESSION_BUS_ADDRESS": self.bus, "XDG_SESSION_TYPE": "x11"}
        self.env["QT_QPA_PLATFORM"] = "xcb"

    def start(self, *command: str, **env: str) -> Program:
        """Start a program on the screen; `env` is added to the screen's."""
        log = self.folder / f"{Path(command[0]).name}.log"
        program = Program(command, self.env | env, log)
        self._programs.callback(program.end)
        return program

    def manage_windows(self) -> None:
        """Start the window manager and wait until it answers."""
        manager = self.start("openbox", "--sm-disable")
        wait_until(lambda: self._is_managed(), 10, "the window manager answers", manager.errors)

    def dock(self) -> Program:
        """A panel that shows tray icons in the old way (XEmbed), in the lower right corner."""
        return self.start("trayer", "--edge", "bottom", "--align", "right", "--width", "10", "--height", "32")

    def _is_managed(self) -> bool:
        return subprocess.run(["xdotool", "get_desktop"], env=self.env, capture_output=True).returncode == 0

    def hands(self, *arguments: str) -> str:
        """Run xdotool; what it says. CalledProcessError when it fails."""
        command = ["xdotool", *arguments]
        return subprocess.run(
            command, env=self.env, check=True, capture_output=True, text=True
        ).stdout.strip()

    def windows(self, title: str) -> list[int]:
        """The windows in sight whose title matches a regular expression."""
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", title],
            env=self.env, capture_output=True, text=True,
        )  # fmt: skip
        return [int(line) for line in found.stdout.split()]

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Press and release a mouse button at a place of the screen, in pixels."""
        self.hands("mousemove", str(x), str(y), "click", str(button))

    def point(self, x: int, y: int) -> None:
        """Move the mouse to a place. xdotool's own waiting (--sync) takes 15 s where the mouse is there already."""
        self.hands("mousemove", str(x), str(y))

    def image(self) -> QImage:
        """What is on the screen now."""
        data = self._picture.read_bytes()
        header, _, _, _, width, height, *_ = fields = struct.unpack(f">{XWD_FIELDS}I", data[: 4 * XWD_FIELDS])
        line, colours = fields[12], fields[19]
        pixels = data[header + 12 * colours :]
        return QImage(pixels, width, height, line, QImage.Format.Format_RGB32).copy()

    def shot(self, file: Path) -> Path:
        """Save what is on the screen now as a picture."""
        file.parent.mkdir(parents=True, exist_ok=True)
        assert self.image().save(str(file)), file
        return file


@contextmanager
def screen(
    folder: Path, *, size: tuple[int, int] = (1280, 800), window_manager: bool = True
) -> Iterator[Screen]:
    """A screen of `size` pixels whose files lie in `folder`/screen."""
    assert shutil.which("Xvfb"), lacking()
    place = folder / "screen"
    place.mkdir(parents=True, exist_ok=True)
    with ExitStack() as programs:
        made = Screen(place, size, programs)
        if window_manager:
            made.manage_windows()
        yield made
