"""The installer's command line, its exit status, and what it says."""

import ast
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from installer import commands, start
from installer.console import Console, SetupError

BOOTSTRAP = Path(__file__).parents[3] / "installer" / "bootstrap.py"


def test_the_script_itself_answers():
    done = subprocess.run(
        [sys.executable, str(BOOTSTRAP), "--help"], capture_output=True, text=True, check=True
    )
    assert "run" in done.stdout
    assert "test" in done.stdout


def test_an_old_python_gets_one_sentence():
    code = (
        "import runpy, sys; sys.version_info = (3, 6, 15, 'final', 0);"
        f"runpy.run_path({str(BOOTSTRAP)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Spark needs Python 3.11 or newer, and this is Python 3.6.")
    assert done.stderr.count("\n") == 1


def test_the_script_uses_nothing_that_old_pythons_lack():
    tree = ast.parse(BOOTSTRAP.read_text(encoding="utf-8"))
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr)]


def test_unknown_options_are_refused_by_run(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        commands.main(["run", "--what"])
    assert ended.value.code == 2
    assert "--what" in capsys.readouterr().err


def test_further_arguments_of_test_go_to_pytest(monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []
    monkeypatch.setattr(commands.environment, "prepare", lambda extras, console: None)
    monkeypatch.setattr(commands.system_packages, "ensure", lambda console, window: None)
    monkeypatch.setattr(commands.system_packages, "add_screen", lambda console: None)
    monkeypatch.setattr(commands.checks, "run", lambda arguments, console: seen.extend(arguments) or [])
    assert commands.main(["test", "--quick", "-k", "sampler", "tests/unit"]) == 0
    assert seen == ["-k", "sampler", "tests/unit"]


def test_a_failed_check_is_a_failed_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(commands.environment, "prepare", lambda extras, console: None)
    monkeypatch.setattr(commands.system_packages, "ensure", lambda console, window: None)
    monkeypatch.setattr(commands.system_packages, "add_screen", lambda console: None)
    monkeypatch.setattr(commands, "_components", lambda torch, settings, console: False)
    monkeypatch.setattr(commands.checks, "run", lambda arguments, console: ["mypy"])
    assert commands.main(["test"]) == 1
    assert "failed: backend components, mypy" in capsys.readouterr().out


def test_a_problem_is_one_sentence_and_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def prepare(extras: list[str], console: Console) -> None:
        raise SetupError("There is no network.", "Plug it in.", "line one\nline two")

    monkeypatch.setattr(commands.environment, "prepare", prepare)
    assert commands.main(["run"]) == 1
    assert capsys.readouterr().err == "  | line one\n  | line two\n✗ There is no network.\n  Plug it in.\n"


def test_options_become_the_settings_every_part_reads(tmp_path: Path):
    chosen = commands._parser().parse_args(["run", "--port", "9000", "--base-dir", str(tmp_path)])
    assert commands._settings(chosen) == {"SPARK_SERVER_PORT": "9000", "SPARK_HOME": str(tmp_path)}


def test_the_curl_line_survives_the_shell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.name", "posix")
    words = shlex.split(start.curl_line("http://127.0.0.1:8910"))
    assert words[1] == "http://127.0.0.1:8910/v1/chat/completions"
    assert json.loads(words[-1])["model"] == "auto"


def test_a_linux_machine_without_a_screen_has_no_display(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not start.has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert start.has_display()


def test_lines_that_change_are_kept_out_of_logs(capsys: pytest.CaptureFixture[str]):
    console = Console()
    console.going_on("collecting a", minor=True)
    console.going_on("downloading a")
    console.going_on("downloading a")
    assert capsys.readouterr().out == "  downloading a\n"


@pytest.mark.parametrize(
    ("display", "libraries", "started"),
    [(True, True, "tray app"), (True, False, "engine"), (False, False, "engine")],
)
def test_what_is_started_fits_the_machine(
    display: bool,
    libraries: bool,
    started: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    def ensure(console: Console, *, window: bool) -> None:
        if not libraries:
            raise SetupError("Libraries are missing.", "Run: apt-get install them")

    ran: list[str] = []
    monkeypatch.setattr(commands.environment, "prepare", lambda extras, console: None)
    monkeypatch.setattr(commands.system_packages, "ensure", ensure)
    monkeypatch.setattr(commands.system_packages, "missing", lambda *, window: {})
    monkeypatch.setattr(start, "has_display", lambda: display)
    monkeypatch.setattr(start, "tray_app", lambda settings, console: ran.append("tray app") or 0)
    monkeypatch.setattr(start, "engine", lambda settings, console: ran.append("engine") or 0)
    assert commands.main(["run"]) == 0
    assert ran == [started]
    assert ("apt-get" in capsys.readouterr().err) == (display and not libraries)
