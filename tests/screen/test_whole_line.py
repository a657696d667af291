"""From nothing to an answer on a real screen, through a change of acceleration, a killed runner and a killed engine.

Everything is real: an X server, a window manager, a tray, the app as a program of its own with its engine and runners,
clicks and keys of the system. Only the hub is a mirror on this machine, and its model never ends an answer by itself.
"""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from msgspec import convert

from spark_engine.client.endpoint import read_endpoint
from spark_engine.paths import BaseDir
from tests.support.hub_mirror import HubMirror
from tests.support.person import Person, person
from tests.support.rambler import add_rambler
from tests.support.screen import Screen, needs_screen, screen
from tests.support.served import children, free_port, wait_until

pytestmark = [needs_screen, pytest.mark.slow]
ONE_THREAD = "ONNX by CPU, 1 thread"
MODEL = "Phi-4-mini, ONNX . int4 . CPU"
FIGURES = r".*tok/s.*tokens.*Phi-4-mini on {device}(  ·.*)?"
TRAY_HEIGHT = 32
FROZEN_S = 1.0
"""Far more than what is promised, which a busy machine cannot be tested for; `tests.bench.desktop_promises` is."""


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Screen]:
    with screen(tmp_path) as made:
        made.dock()
        yield made


@pytest.fixture
def somebody(shown: Screen, tmp_path: Path) -> Iterator[Person]:
    """Somebody who starts Spark for the first time: its folder does not exist yet."""
    with HubMirror() as hub:
        add_rambler(hub)
        env = {
            "SPARK_SERVER_PORT": str(free_port()),
            "SPARK_SERVER_HEALTH_PORT": "0",
            "SPARK_SERVER_METRICS_PORT": "0",
            "SPARK_HUB_ENDPOINT": hub.url,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        with person(shown, tmp_path / "spark", **env) as made:
            yield made


def test_the_whole_line(somebody: Person, shown: Screen, tmp_path: Path) -> None:
    base = BaseDir(tmp_path / "spark")
    try:
        somebody.sees("Spark is ready", 60)
        somebody.ask("begin")
        _the_tray_brings_the_window_back(somebody, shown)
        _a_model_comes_and_is_loaded(somebody)
        _a_choice_is_checked(somebody)
        _a_change_amid_an_answer(somebody)
        _the_runner_is_killed(somebody)
        _the_engine_is_killed(somebody, base)
    except BaseException:
        shown.shot(Path(os.environ.get("SPARK_TEST_SHOTS", tmp_path)) / "whole-line.png")
        raise
    gaps = convert(somebody.ask("end"), list[tuple[float, float]])
    assert gaps[0][0] < FROZEN_S, gaps
    assert "Traceback" not in somebody.app.errors()


def _the_tray_brings_the_window_back(somebody: Person, shown: Screen) -> None:
    """The icon appears in the panel; the closed window returns at a click on it."""
    wait_until(lambda: _icon(shown) is not None, 10, "the icon is in the tray")
    somebody.press("ctrl+w")
    wait_until(lambda: not shown.windows("^Spark$"), 10, "the window is closed")
    place = _icon(shown)
    assert place is not None
    shown.click(*place)
    wait_until(lambda: bool(shown.windows("^Spark$")), 10, "the window is back")


def _icon(shown: Screen) -> tuple[int, int] | None:
    """Where the panel in the corner shows Spark's amber."""
    image, (width, height) = shown.image(), shown.size
    for y in range(height - TRAY_HEIGHT, height):
        for x in range(width - 200, width):
            colour = image.pixelColor(x, y)
            if colour.red() > 180 and colour.red() - colour.blue() > 100:
                return x, y
    return None


def _a_model_comes_and_is_loaded(somebody: Person) -> None:
    somebody.click("Download 4.9 GB: phi-4-mini")
    somebody.sees("Phi-4-mini is here", 60)
    somebody.sees("Phi-4-mini on CPU", 30)
    somebody.go("Models")
    somebody.click(f"Unload.*{MODEL}")
    somebody.click(f"Load.*{MODEL}")
    somebody.sees(f"Unload.*{MODEL}", 30)


def _a_choice_is_checked(somebody: Person) -> None:
    somebody.go("Acceleration")
    somebody.click(f"{ONE_THREAD}: not checked.*")
    somebody.click(f"Check now: {ONE_THREAD}")
    somebody.sees(f"{ONE_THREAD}: (verified|slower).*", 60)


def _a_change_amid_an_answer(somebody: Person) -> None:
    _ask(somebody, "hello")
    somebody.sees("Stop.*")
    somebody.go("Acceleration")
    somebody.click(f"Use: {ONE_THREAD}")
    somebody.sees(f"{ONE_THREAD}: in use.*", 30)
    somebody.go("Chat")
    assert somebody.find("Stop.*"), "the answer is still being written, or this shows nothing"
    somebody.sees(FIGURES.format(device="CPU"), 60)
    somebody.press("ctrl+n")
    _ask(somebody, "and now?")
    somebody.sees(FIGURES.format(device="CPU, 1 thread"), 60)


def _the_runner_is_killed(somebody: Person) -> None:
    somebody.press("ctrl+n")
    _ask(somebody, "hello again")
    somebody.sees("Hello.*", kind="ProseView")
    os.kill(_process(somebody, " runner").pid, signal.SIGKILL)
    somebody.sees(".*is restarting")
    somebody.sees("The model stopped unexpectedly")
    somebody.click("Retry", 30)
    _is_answering(somebody)


def _the_engine_is_killed(somebody: Person, base: BaseDir) -> None:
    endpoint = read_endpoint(base)
    assert endpoint is not None
    os.kill(endpoint.pid, signal.SIGKILL)
    somebody.sees("Spark's engine ended unexpectedly")
    somebody.sees("The engine is running again", 30)
    somebody.press("ctrl+n")
    _ask(somebody, "are you there?")
    _is_answering(somebody)


def _is_answering(somebody: Person) -> None:
    """Words arrive from the choice that was made; they are stopped by a key."""
    somebody.sees("[^?]{40,}", kind="ProseView")
    somebody.sees("Phi-4-mini.* on CPU, 1 thread")
    somebody.press("Escape")
    somebody.sees("Stopped.*")


def _ask(somebody: Person, words: str) -> None:
    somebody.go("Chat")
    somebody.click("Message")
    somebody.type(words)
    somebody.press("Return")


def _process(somebody: Person, role: str) -> psutil.Process:
    """The newest process below the app with this word in its command."""
    found = [p for p in children(somebody.app.process.pid) if re.search(role, " ".join(p.cmdline()))]
    assert found, role
    return max(found, key=lambda process: process.create_time())
