"""The tray icon for real: on a screen, before a desktop that speaks as Plasma does, with the app and its engine.

Icon, tooltip and menu are read and clicked over the session bus; what a click did is seen at the engine.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from PySide6.QtGui import QImage

from app.headline import Mood
from app.tray_icon import tray_icon
from spark_engine.client.endpoint import Endpoint, read_endpoint
from spark_engine.paths import BaseDir
from spark_engine.types.models import LoadFailed, Ready, Unloaded
from spark_engine.types.state import EngineState, find_variant
from tests.support.hub_mirror import HubMirror, add_phi_onnx
from tests.support.person import Person, person
from tests.support.screen import Screen, needs_screen, screen
from tests.support.served import ECHO_CARD, free_port, wait_until
from tests.support.tray_host import Item, TrayHost
from tests.support.unloadable import write_unloadable

pytestmark = [needs_screen, pytest.mark.slow]
PLAIN, SLOW, BROKEN, PHI = "echo:plain", "echo:slow", "broken:v", "phi-4-mini:onnx-int4-cpu"
CLIPBOARD = (
    "from PySide6.QtWidgets import QApplication as A; a = A([]); print(a.clipboard().text(), flush=True)"
)
SECRET = "the secret of the day"


class Desk(msgspec.Struct, frozen=True):
    """The app at work on a desktop of the tests' own."""

    shown: Screen
    host: TrayHost
    somebody: Person
    base: BaseDir
    hub: HubMirror

    @property
    def item(self) -> Item:
        return self.host.item()

    @property
    def engine(self) -> Endpoint:
        found = read_endpoint(self.base)
        assert found is not None
        return found

    def state(self) -> EngineState:
        reply = self.call("GET", "/spark/v1/state")
        return msgspec.json.decode(reply.content, type=EngineState)

    def call(self, method: str, path: str, **fields: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.engine.token}"}
        reply = httpx.request(method, f"{self.engine.address}{path}", headers=headers, timeout=60, **fields)
        return reply.raise_for_status()

    def ask(self, text: str, model: str = PLAIN) -> str:
        body = {"model": model, "messages": [{"role": "user", "content": text}]}
        answer: str = self.call("POST", "/v1/chat/completions", json=body).json()["choices"][0]["message"][
            "content"
        ]
        return answer

    def status(self, id: str) -> object:
        variant = find_variant(self.state(), id)
        assert variant is not None, id
        return variant.status

    def sees(self, mood: Mood, words: str = "", timeout_s: float = 20) -> None:
        """Wait until the icon shows a state and the tooltip says this."""
        item = self.item
        wait_until(
            lambda: is_drawn(item.images(), mood) and words in item.tooltip(), timeout_s, f"{mood} {words!r}",
            lambda: item.tooltip(),
        )  # fmt: skip

    def window_is_open(self) -> bool:
        return bool(self.shown.windows("^Spark$"))


def is_drawn(images: dict[int, QImage], mood: Mood) -> bool:
    """Whether these are the pictures of a state, at every size that panels have."""
    return all(images[size] == as_sent(mood, size) for size in (16, 22, 24, 32))


def as_sent(mood: Mood, size: int) -> QImage:
    return tray_icon(mood).pixmap(size, size).toImage().convertToFormat(QImage.Format.Format_ARGB32)


def until(condition: Callable[[], bool], what: str, timeout_s: float = 20) -> None:
    wait_until(condition, timeout_s, what)


@contextmanager
def desk(folder: Path, *arguments: str) -> Iterator[Desk]:
    base = BaseDir(folder / "spark")
    base.create()
    (base.root / "model_cards").mkdir()
    (base.root / "model_cards" / "echo.toml").write_text(ECHO_CARD)
    write_unloadable(base.models / "broken" / "v")
    ports = f"port = {free_port()}\nhealth_port = 0\nmetrics_port = 0"
    base.settings_file.write_text(f'[server]\n{ports}\n[models]\npreload = false\ndefault = "{PLAIN}"\n')
    opener = folder / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{folder}/opened"\n')
    opener.chmod(0o755)
    with HubMirror() as hub, screen(folder) as shown, TrayHost(shown.bus) as host:
        add_phi_onnx(hub)
        env = {
            "SPARK_HUB_ENDPOINT": hub.url,
            "PATH": f"{opener.parent}:{os.environ['PATH']}",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        with person(shown, base.root, *arguments, **env) as somebody:
            yield Desk(shown, host, somebody, base, hub)


@pytest.fixture(scope="module")
def used(qapp: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The app as it starts at login, without its window; several tests use it, each leaves it as it was."""
    with desk(tmp_path_factory.mktemp("desk"), "--hidden") as made:
        made.sees("ready", "No model is loaded", 30)
        yield made


def test_models_are_loaded_and_unloaded(used: Desk) -> None:
    assert "Free memory now" not in used.item.words()
    used.item.click("Load Echo, Echo · plain")
    until(lambda: isinstance(used.status(PLAIN), Ready), "it is loaded")
    used.sees("ready", "Echo, Echo · plain, on")
    assert " MB of memory in use" in used.item.tooltip()
    used.item.click("Unload Echo, Echo · plain")
    until(lambda: isinstance(used.status(PLAIN), Unloaded), "it is unloaded")
    used.item.click("Load Echo, Echo · plain")
    used.item.click("Free memory now")
    until(lambda: isinstance(used.status(PLAIN), Unloaded), "its memory is free")
    assert used.item.words()[1] == "Load Echo, Echo · plain", "what was used last stands first"


def test_names_keep_their_underscores(used: Desk) -> None:
    assert any("Q8_0" in words for words in used.item.words())


def test_an_answer_shows_as_work_with_its_speed(used: Desk) -> None:
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(used.ask, "word " * 40, SLOW)
        used.sees("busy", "working on 1 request")
        used.sees("busy", " tok/s, ")
        assert "word" in answer.result(60)
    used.sees("ready", timeout_s=30)
    used.item.click("Free memory now")


def test_serving_pauses_and_goes_on(used: Desk) -> None:
    used.item.click("Pause serving")
    used.sees("paused", "Serving is paused.")
    assert used.state().paused
    with ThreadPoolExecutor() as pool:
        held = pool.submit(used.ask, "hello")
        used.item.sees("Resume serving (1 request waits)")
        assert not held.done()
        used.item.click("Resume serving (1 request waits)")
        assert held.result(30) == "hello"
    used.sees("ready")
    assert not used.state().paused


def test_acceleration_is_changed(used: Desk) -> None:
    used.item.click("CPU, 1 thread, not checked")
    until(
        lambda: used.state().acceleration["onnx"].chosen == "cpu-1", "the choice was checked and is used", 60
    )
    until(
        lambda: any(
            line.ticked and line.words.startswith("CPU, 1 thread") for line in used.item.menu().all()
        ),
        "it is ticked",
    )
    used.item.click("Automatic")
    until(lambda: used.state().acceleration["onnx"].wish == "auto", "Spark chooses again", 60)


def test_a_download_shows_and_is_told(used: Desk) -> None:
    used.hub.bytes_per_second = 4_000_000
    used.call("POST", "/spark/v1/downloads", json={"model": PHI, "load": False})
    used.sees("downloading", "downloading Phi-4-mini")
    used.sees("downloading", " of ")
    until(lambda: "Phi-4-mini is downloaded" in [t.title for t in used.host.told], "the desktop is told", 60)
    used.sees("ready")


def test_the_icon_is_told_of_changes_only(used: Desk) -> None:
    used.sees("ready")
    time.sleep(1)
    before = len(used.host.signals)
    time.sleep(2)
    assert used.host.signals[before:] == []


def test_pages_logs_address_and_login(used: Desk, tmp_path: Path) -> None:
    used.item.click("Hardware")
    until(used.window_is_open, "the window is open")
    used.somebody.sees("Last minute|This machine|Memory.*")
    used.item.click("Copy API address")
    used.somebody.sees("The API address is on the clipboard")
    assert used.shown.start(sys.executable, "-c", CLIPBOARD).first_line() == f"{used.engine.address}/v1"
    used.somebody.press("ctrl+w")
    used.item.click("Open logs")
    opened = used.base.root.parent / "opened"
    until(opened.exists, "the folder is opened")
    assert opened.read_text() == used.base.logs.as_uri()
    autostart = used.shown.folder / "config" / "autostart"
    used.item.click("Start at login")
    until(lambda: bool(used.item.sees("Start at login").ticked), "it is ticked")
    (entry,) = autostart.iterdir()
    assert "--hidden" in entry.read_text()
    used.item.click("Start at login")
    until(lambda: used.item.sees("Start at login").ticked is False, "it is not ticked any more")
    assert not list(autostart.iterdir())


def test_a_click_at_the_icon_opens_the_window(used: Desk) -> None:
    assert not used.window_is_open()
    used.item.activate()
    until(used.window_is_open, "the window is open")
    used.somebody.sees("Ready", kind="Chip")
    used.somebody.press("ctrl+w")
    until(lambda: not used.window_is_open(), "the window is closed")
    (told,) = (told for told in used.host.told if told.title == "Spark keeps running")
    used.host.click_message(told)
    until(used.window_is_open, "a click at the message opens it too")
    used.somebody.press("ctrl+w")
    until(lambda: not used.window_is_open(), "the window is closed")


def test_the_engine_comes_and_goes(qapp: Any, tmp_path: Path) -> None:
    with desk(tmp_path, "--hidden") as made:
        made.sees("ready", "No model is loaded", 30)
        _a_failed_load_is_told_without_what_was_asked(made)
        first = made.engine.pid
        os.kill(first, signal.SIGKILL)
        made.sees("problem")
        made.sees("ready", timeout_s=30)
        assert made.engine.pid != first
        stop = [sys.executable, "-m", "spark_engine", "stop", "--base-dir", str(made.base.root)]
        assert subprocess.run(stop, capture_output=True).returncode == 0
        made.sees("stopped")
        assert not {"Pause serving", "Details…", "Copy API address"} & set(made.item.words())
        made.item.click("Start engine")
        made.sees("ready", timeout_s=30)
        made.item.click("Quit Spark")
        made.somebody.app.process.wait(20)
        until(lambda: read_endpoint(made.base) is None, "the engine has ended with its app")
        assert "Traceback" not in made.somebody.app.errors()


def _a_failed_load_is_told_without_what_was_asked(made: Desk) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        made.ask(SECRET, BROKEN)
    until(lambda: isinstance(made.status(BROKEN), LoadFailed), "it could not be loaded")
    until(lambda: bool(made.host.told), "the desktop is told")
    (told,) = made.host.told
    assert BROKEN in told.text
    assert "secret" not in told.title + told.text


def test_starting_is_seen(qapp: Any, tmp_path: Path) -> None:
    with desk(tmp_path, "--hidden") as made:
        made.sees("starting", "Spark", 15)
