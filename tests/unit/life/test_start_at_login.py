"""Start at login on three systems: written, read back, switched off by the system itself, refused."""

import plistlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import start_at_login as of_the_app
from spark_engine.errors import SparkError
from spark_engine.life import start_at_login
from spark_engine.life.login_linux import AutostartEntry, fields
from spark_engine.life.login_macos import LABEL, LaunchAgent
from spark_engine.life.login_windows import APPROVED, NAME, RUN, RunKey, started_by
from spark_engine.life.start_at_login import LoginEntry
from spark_engine.main import _for_the_app
from spark_engine.paths import BaseDir
from tests.support.registry import FakeRegistry

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks for this system's own way")
STRANGE = ["", "two words", 'a "quoted" one', "100 % $HOME `id` \\ back", "ünï", "semi;colon & more"]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program in a folder with a space, which writes down what it was started with."""
    file = tmp_path / "my apps" / "spark start"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/said"\n')
    file.chmod(0o700)
    return file


def entries(tmp_path: Path) -> dict[str, Callable[[], LoginEntry]]:
    registry = FakeRegistry()
    return {
        "linux": lambda: AutostartEntry(tmp_path / "config" / "autostart"),
        "macos": lambda: LaunchAgent(tmp_path / "Library" / "LaunchAgents"),
        "windows": lambda: RunKey(registry),
    }


@pytest.mark.parametrize("system", ["linux", "macos", "windows"])
def test_on_and_off_again_as_often_as_one_likes(tmp_path: Path, program: Path, system: str) -> None:
    made = entries(tmp_path)[system]
    made().remove()
    assert not made().is_on()
    for _ in range(2):
        made().write([str(program), "--hidden"])
        assert made().is_on()
    program.rename(program.with_name("elsewhere"))
    assert not made().is_on(), "nothing would start"
    program.with_name("elsewhere").rename(program)
    assert made().is_on()
    for _ in range(2):
        made().remove()
        assert not made().is_on()


@linux
def test_the_desktop_entry_starts_exactly_the_command(tmp_path: Path, program: Path) -> None:
    entry = AutostartEntry(tmp_path)
    entry.write([str(program), *STRANGE[1:]])
    assert entry.file.stat().st_mode & 0o777 == 0o600
    line = fields(entry.file.read_text())["Exec"]
    assert "%" not in line.replace("%%", ""), "a single one begins a field"
    subprocess.run(["sh", "-c", line.replace("%%", "%")], check=True)
    assert (tmp_path / "said").read_text().splitlines() == STRANGE[1:]


def test_what_the_desktop_switched_off_is_off_until_it_is_turned_on_again(
    tmp_path: Path, program: Path
) -> None:
    entry = AutostartEntry(tmp_path)
    for said in ("Hidden=true", "X-GNOME-Autostart-enabled=false"):
        entry.write([str(program)])
        text = entry.file.read_text().replace("X-GNOME-Autostart-enabled=true", said)
        entry.file.write_text(f"{text}\n[Desktop Action x]\nHidden=false\n")
        assert not entry.is_on()
    entry.write([str(program)])
    assert entry.is_on()


def test_the_launch_agent_is_what_launchd_reads(tmp_path: Path, program: Path) -> None:
    LaunchAgent(tmp_path).write([str(program), "--hidden", *STRANGE])
    told = plistlib.loads((tmp_path / f"{LABEL}.plist").read_bytes())
    assert told["ProgramArguments"] == [str(program), "--hidden", *STRANGE]
    assert (told["Label"], told["RunAtLoad"], told["LimitLoadToSessionType"]) == (LABEL, True, "Aqua")
    (tmp_path / f"{LABEL}.plist").write_bytes(plistlib.dumps(told | {"Disabled": True}))
    assert not LaunchAgent(tmp_path).is_on()
    (tmp_path / f"{LABEL}.plist").write_bytes(b"<plist><dict>")
    assert not LaunchAgent(tmp_path).is_on()


def test_the_run_value_and_the_task_manager_s_say(program: Path) -> None:
    registry = FakeRegistry()
    entry = RunKey(registry)
    entry.write([str(program), "--hidden", "--base-dir", r"C:\my models"])
    line = registry.values[RUN][NAME][0]
    assert line == f'"{program}" --hidden --base-dir "C:\\my models"'
    assert started_by(line) == str(program)
    for first, on in ((b"\x03", False), (b"\x02", True), (b"\x07", False), (b"\x06", True)):
        registry.values[APPROVED] = {NAME: (first + bytes(11), registry.REG_BINARY)}
        assert entry.is_on() is on
    registry.values[APPROVED] = {NAME: (b"\x03" + bytes(11), registry.REG_BINARY)}
    entry.write([str(program)])
    assert entry.is_on(), "on means on"
    assert NAME not in registry.values[APPROVED]
    assert not registry.open_keys


def test_a_command_that_windows_would_not_start_is_refused(tmp_path: Path) -> None:
    registry = FakeRegistry()
    with pytest.raises(SparkError) as refused:
        RunKey(registry).write(["C:\\" + "long\\" * 60 + "spark.exe"])
    assert refused.value.code == "login_start_too_long"
    assert registry.values == {}


def test_the_command_starts_the_hidden_window_of_the_same_base_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / "my home"))
    command = start_at_login.command()
    assert command == [
        sys.executable,
        "-m",
        "spark_engine",
        "--hidden",
        "--base-dir",
        str(tmp_path / "my home"),
    ]
    assert _for_the_app(command[3:])
    assert start_at_login.command(BaseDir(tmp_path))[-1] == str(tmp_path)
    monkeypatch.delenv("SPARK_HOME")
    assert start_at_login.command()[3:] == ["--hidden"]


def test_no_terminal_opens_on_windows_and_an_appimage_names_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pythonw.exe").touch()
    start = [str(tmp_path / "python.exe"), "-m", "spark_engine"]
    found = start_at_login._without_console(start, "win32")
    assert found == [str(tmp_path / "pythonw.exe"), "-m", "spark_engine"]
    assert start_at_login._without_console(start, "linux") == start
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv("APPIMAGE", "/apps/Spark.AppImage")
    assert start_at_login._without_console(["/tmp/mount/spark", "--hidden"]) == [
        "/apps/Spark.AppImage",
        "--hidden",
    ]


@linux
def test_the_app_s_three_functions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert of_the_app.is_supported()
    assert not of_the_app.is_on()
    of_the_app.turn(True)
    assert of_the_app.is_on()
    assert "--hidden" in (tmp_path / "autostart" / "spark.desktop").read_text()
    of_the_app.turn(False)
    assert not of_the_app.is_on()


@linux
@pytest.mark.parametrize("on", [True, False])
def test_what_the_system_refuses_has_a_title_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, on: bool
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SparkError) as refused:
        start_at_login.turn(on)
    assert refused.value.code == "login_start_refused"
    assert refused.value.title and refused.value.remedy
    assert not start_at_login.is_on()


def test_a_system_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*ignored: Any) -> None: ...

    monkeypatch.setattr(start_at_login, "entry", none)
    assert not start_at_login.is_supported()
    assert not start_at_login.is_on()
    with pytest.raises(SparkError, match="Spark cannot start at login here"):
        start_at_login.turn(True)
