"""One program, roles by argument; what cannot start says why in a sentence."""

import subprocess
import sys

import pytest

from spark_engine import __version__
from spark_engine.main import _exit_status, _missing_display, main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"spark {__version__}\n"


@pytest.mark.parametrize(
    ("platform", "environ", "missing"),
    [
        ("linux", {}, True),
        ("linux", {"DISPLAY": ""}, True),
        ("linux", {"DISPLAY": ":0"}, False),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, False),
        ("linux", {"QT_QPA_PLATFORM": "offscreen"}, False),
        ("darwin", {}, False),
        ("win32", {}, False),
    ],
)
def test_where_a_window_can_open(platform: str, environ: dict[str, str], missing: bool) -> None:
    assert bool(_missing_display(platform, environ)) is missing


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
@pytest.mark.parametrize("arguments", [[], ["--base-dir", "somewhere"], ["--hidden", "--theme", "dark"]])
def test_without_a_display_the_app_names_the_way_out(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(arguments) == 1
    assert "spark serve" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "status"), [(None, 0), (0, 0), (3, 3), ("words", 1)])
def test_exit_status(code: object, status: int) -> None:
    assert _exit_status(code) == status


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("spark_engine.main", ("typer", "rich", "asyncio", "httpx", "msgspec")),
        (
            "spark_engine.cli.app",
            ("httpx", "fastapi", "pydantic", "uvicorn", "spark_engine.engine", "PySide6"),
        ),
    ],
)
def test_a_role_loads_nothing_of_the_others(module: str, unwanted: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([n for n in {unwanted!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["--help"], 0), (["models", "--help"], 0), (["nonsense"], 2), (["chat", "--max-tokens", "0", "x"], 2)],
)
def test_help_and_misuse(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == status
    said = capsys.readouterr()
    assert "Usage: spark" in (said.err if status else said.out)
