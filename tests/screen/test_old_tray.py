"""A tray of the old kind is noticed without Qt, and then nobody waits long for another one."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app import tray_watch
from app.tray_watch import OLD_TRAY_MS, PATIENCE_MS, TrayWatch
from tests.support.screen import Screen, needs_screen, screen
from tests.support.served import wait_until

ASK = "from app.old_tray import has_old_tray; print(has_old_tray())"


def has_old_tray(shown: Screen) -> str:
    command = [sys.executable, "-c", ASK]
    return subprocess.run(command, env=shown.env, capture_output=True, text=True, check=True).stdout.strip()


@needs_screen
def test_a_panel_is_found_once_it_is_there(tmp_path: Path) -> None:
    with screen(tmp_path) as shown:
        assert has_old_tray(shown) == "False"
        shown.dock()
        wait_until(lambda: has_old_tray(shown) == "True", 10, "the panel is found")


@pytest.mark.parametrize(("there", "wanted"), [(True, OLD_TRAY_MS), (False, PATIENCE_MS)])
def test_a_hidden_start_waits_long_only_without_any_tray(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, there: bool, wanted: int
) -> None:
    monkeypatch.setattr(QGuiApplication, "platformName", lambda: "xcb")
    monkeypatch.setattr(tray_watch, "has_old_tray", lambda: there)
    monkeypatch.setattr(tray_watch, "_has_bus", lambda: True)
    watch = TrayWatch()
    monkeypatch.setattr(watch, "_watch", lambda: False)
    watch.start(patient=True)
    assert (watch._timer.isActive(), watch._timer.interval()) == (True, wanted)
