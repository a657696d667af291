"""Trays of every kind, and none: the old way (XEmbed), one that comes late, one that goes, a desktop without."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spark_engine.client.endpoint import read_endpoint
from spark_engine.paths import BaseDir
from tests.support.person import Person, person
from tests.support.screen import Screen, needs_screen, screen
from tests.support.served import free_port, wait_until
from tests.support.tray_host import TrayHost

pytestmark = [needs_screen, pytest.mark.slow]
DOCK_WIDTH, DOCK_HEIGHT = 200, 32
NO_TRAY = "This desktop shows no tray icons"
DRAWN_PIXELS = 20


@contextmanager
def app(shown: Screen, base: BaseDir, *arguments: str) -> Iterator[Person]:
    base.create()
    ports = f"port = {free_port()}\nhealth_port = 0\nmetrics_port = 0"
    base.settings_file.write_text(f"[server]\n{ports}\n[models]\npreload = false\n")
    backend = "keyring.backends.fail.Keyring"
    with person(shown, base.root, *arguments, PYTHON_KEYRING_BACKEND=backend) as made:
        yield made


def amber(shown: Screen) -> list[tuple[int, int]]:
    """Where the dock shows Spark's colour."""
    image, (width, height) = shown.image(), shown.size
    box = [(x, y) for y in range(height - DOCK_HEIGHT, height) for x in range(width - DOCK_WIDTH, width)]
    colours = ((place, image.pixelColor(*place)) for place in box)
    return [place for place, c in colours if c.red() > 180 and c.red() - c.blue() > 100]


def is_open(shown: Screen) -> bool:
    return bool(shown.windows("^Spark$"))


def test_a_tray_of_the_old_kind(base: BaseDir, tmp_path: Path) -> None:
    with screen(tmp_path) as shown:
        shown.dock()
        with app(shown, base) as somebody:
            wait_until(
                lambda: len(amber(shown)) > DRAWN_PIXELS, 30, "the icon is in the dock", somebody.app.errors
            )
            assert somebody.find(NO_TRAY) is None
            wait_until(lambda: is_open(shown), 10, "the window is there")
            somebody.press("ctrl+w")
            wait_until(lambda: not is_open(shown), 10, "the window is closed")
            places = amber(shown)
            middle = places[len(places) // 2]
            shown.click(*middle)
            wait_until(lambda: is_open(shown), 10, "a click opens the window")
            before = windows(shown)
            shown.click(*middle, button=3)
            wait_until(lambda: windows(shown) > before, 10, "the menu is open")
            somebody.press("Up")
            somebody.press("Return")
            somebody.app.process.wait(20)


def windows(shown: Screen) -> set[str]:
    """Everything in sight that is a window of its own, menus too."""
    return set(shown.hands("search", "--onlyvisible", "--maxdepth", "1", "--name", ".*").split())


def test_a_tray_that_comes_after_the_app(base: BaseDir, tmp_path: Path) -> None:
    with screen(tmp_path) as shown, app(shown, base, "--hidden") as somebody:
        wait_until(lambda: read_endpoint(base) is not None, 30, "the app is at work")
        with TrayHost(shown.bus) as late:
            assert "Spark" in late.item().tooltip()
            assert not is_open(shown)
            assert somebody.find(NO_TRAY) is None


def test_a_tray_that_goes_and_comes_again(base: BaseDir, tmp_path: Path) -> None:
    with screen(tmp_path) as shown:
        with TrayHost(shown.bus) as first:
            running = app(shown, base, "--hidden")
            somebody = running.__enter__()
            first.item().sees("Pause serving")
            assert not is_open(shown)
        try:
            wait_until(lambda: is_open(shown), 15, "the window comes, for nothing else is left")
            somebody.sees(NO_TRAY)
            with TrayHost(shown.bus) as second:
                second.item().activate()
                wait_until(lambda: somebody.find(NO_TRAY) is None, 15, "the notice is gone")
        finally:
            running.__exit__(*sys.exc_info())


def test_without_a_tray_the_window_says_how_to_go_on(base: BaseDir, tmp_path: Path) -> None:
    with screen(tmp_path) as shown, app(shown, base) as somebody:
        wait_until(lambda: is_open(shown), 20, "the window is there")
        somebody.sees(NO_TRAY)
        somebody.sees(".*minimising it keeps Spark running.*")
        somebody.press("ctrl+w")
        somebody.app.process.wait(20)
