"""The installer's environment: what counts as done, and the sentence for each thing that can be missing."""

import json
import sys
from pathlib import Path

import pytest

from installer import environment
from installer.console import Console, SetupError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of this test's own, with an environment that looks made."""
    venv = tmp_path / ".venv"
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", venv)
    monkeypatch.setattr(environment, "STAMP", venv / "spark-setup.json")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    venv.mkdir()
    (venv / "pyvenv.cfg").write_text("version = 3.11.7\n")
    return tmp_path


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The set-up commands that would have run."""
    ran: list[list[str]] = []
    monkeypatch.setattr(environment, "_run", lambda command, console, on_line=None: ran.append(list(command)))
    return ran


def _pretend_made() -> None:
    environment.python().parent.mkdir(parents=True)
    environment.python().touch()
    (environment.VENV / "lib/python3.11/site-packages/pip").mkdir(parents=True)


def test_a_second_time_nothing_is_done(folder: Path, installs: list[list[str]]):
    _pretend_made()
    environment.prepare(["onnx", "gui"], Console())
    environment.prepare(["onnx"], Console())
    assert len(installs) == 1
    assert installs[0][-1] == f"{folder}[gui,onnx]"


def test_new_pins_are_installed(folder: Path, installs: list[list[str]]):
    _pretend_made()
    environment.prepare(["onnx"], Console())
    (folder / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    environment.prepare(["onnx"], Console())
    assert len(installs) == 2


def test_a_further_role_keeps_the_others(folder: Path, installs: list[list[str]]):
    _pretend_made()
    environment.prepare(["gui", "onnx"], Console())
    environment.prepare(["onnx", "dev"], Console())
    assert installs[-1][-1] == f"{folder}[dev,gui,onnx]"


def test_a_damaged_stamp_counts_as_none(folder: Path, installs: list[list[str]]):
    _pretend_made()
    environment.STAMP.write_text("{")
    environment.prepare(["onnx"], Console())
    assert json.loads(environment.STAMP.read_text())["extras"] == ["onnx"]


def test_an_environment_is_made_the_usual_way(
    folder: Path, installs: list[list[str]], monkeypatch: pytest.MonkeyPatch
):
    known = environment.importlib.util.find_spec
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: known(name) or known("json"))
    environment.prepare(["onnx"], Console())
    assert installs[0] == [sys.executable, "-m", "venv", "--clear", str(environment.VENV)]


def test_half_an_environment_is_made_anew(folder: Path, installs: list[list[str]]):
    environment.python().parent.mkdir(parents=True)
    environment.python().touch()
    environment.prepare(["onnx"], Console())
    assert installs[0][1:3] == ["-m", "venv"]


def test_without_ensurepip_the_own_pip_is_used(
    folder: Path, installs: list[list[str]], monkeypatch: pytest.MonkeyPatch
):
    known = environment.importlib.util.find_spec
    monkeypatch.setattr(
        environment.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else known(name)
    )
    environment.prepare(["onnx"], Console())
    assert "--without-pip" in installs[0]
    assert installs[1] == [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(environment.python()),
        "install",
        "pip",
    ]


@pytest.mark.parametrize("absent", [{"venv"}, {"ensurepip", "pip"}])
def test_a_python_that_makes_no_environments_is_told(
    absent: set[str], folder: Path, monkeypatch: pytest.MonkeyPatch
):
    known = environment.importlib.util.find_spec
    monkeypatch.setattr(
        environment.importlib.util, "find_spec", lambda name: None if name in absent else known(name)
    )
    with pytest.raises(SetupError, match=r"apt-get install python3\.\d+-venv"):
        environment.prepare(["onnx"], Console())


def test_a_full_disk_is_told_before_anything_is_fetched(folder: Path, monkeypatch: pytest.MonkeyPatch):
    _pretend_made()
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1_000_000})())
    with pytest.raises(SetupError, match="not enough disk space"):
        environment.prepare(["gui"], Console())


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "cannot be reached"),
        ("ERROR: No matching distribution found for numpy==2.4.6", r"no numpy==2\.4\.6 for this Python"),
        ("OSError: [Errno 28] No space left on device", "not enough disk space"),
        ("ERROR: something else broke.", "something else broke"),
    ],
)
def test_each_failure_has_its_sentence(folder: Path, printed: str, sentence: str):
    command = [sys.executable, "-c", f"print({printed!r}); raise SystemExit(1)"]
    with pytest.raises(SetupError, match=sentence) as caught:
        environment._run(command, Console())
    assert caught.value.remedy
    assert printed in caught.value.evidence
