"""`spark logs`: the latest lines with and without an engine, filtered, as JSON, and followed until Ctrl+C."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spark_engine.paths import BaseDir
from tests.integration.test_cli_commands import refused, said, spark
from tests.support.served import serve, wait_until

LINES = (
    ("00:00:01.000", "engine", "INFO", "spark_engine.api: it serves"),
    ("00:00:02.000", "runner", "DEBUG", "nano:onnx: a step"),
    ("00:00:03.000", "engine", "ERROR", "spark_engine.x: it failed\nTraceback of it"),
    ("00:00:04.000", "app", "WARNING", "app.window: it is \x1b[31mnarrow"),
)


@pytest.fixture
def written(base: BaseDir) -> Path:
    for part in ("engine", "app"):
        mine = [line for line in LINES if (line[1] == "app") is (part == "app")]
        text = "".join(f"2031-01-01T{at}Z {of} {level} {rest}\n" for at, of, level, rest in mine)
        (base.logs / f"{part}.log").write_text(text)
    return base.root


def texts(root: Path, *arguments: str) -> list[str]:
    """The messages of the lines that are shown."""
    shown = said(spark(root, "logs", *arguments))
    return [line.rpartition(": ")[2] for line in shown.splitlines()]


def test_lines_of_all_parts_by_time_without_an_engine(written: Path) -> None:
    told = said(spark(written, "logs"))
    assert [line.split()[2:4] for line in told.splitlines() if line.startswith("20")] == [
        ["engine", "INFO"], ["runner", "DEBUG"], ["engine", "ERROR"], ["app", "WARNING"],
    ]  # fmt: skip
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-n", "2"], ["it failed", "Traceback of it", "it is [31mnarrow"]),
        (["--lines", "0"], []),
        (["--level", "warning"], ["it failed", "Traceback of it", "it is [31mnarrow"]),
        (["--level", "warning", "-n", "1"], ["it is [31mnarrow"]),
        (["--part", "runner"], ["a step"]),
        (["--part", "engine", "--find", "SERVES"], ["it serves"]),
    ],
)
def test_only_what_is_wanted(written: Path, arguments: list[str], expected: list[str]) -> None:
    assert texts(written, *arguments) == expected


def test_json_has_a_line_for_each(written: Path) -> None:
    import json

    told = [json.loads(line) for line in said(spark(written, "logs", "--json", "-n", "2")).splitlines()]
    assert [(line["part"], line["level"], line["source"]) for line in told] == [
        ("engine", "error", "spark_engine.x"),
        ("app", "warning", "app.window"),
    ]
    assert told[0]["text"] == "it failed\nTraceback of it"


def test_what_is_wrong_or_missing_is_said(written: Path, tmp_path: Path) -> None:
    assert refused(spark(written, "logs", "--level", "loud", "--json")) == "level_wrong"
    assert refused(spark(written, "logs", "--part", "kitchen", "--json")) == "part_wrong"
    nothing = spark(tmp_path / "none", "logs")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "Nothing was logged yet.\n")
    assert "No such line" in spark(written, "logs", "--find", "zebra").stderr
    assert not (tmp_path / "none").exists(), "looking makes nothing"


@pytest.mark.skipif(sys.platform == "win32", reason="ends with SIGINT")
def test_new_lines_come_until_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spark_engine", "logs", "-f", "--base-dir", str(tmp_path)]
    with serve(tmp_path, models_preload="false") as served:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
            shown: list[str] = []
            assert following.stdout is not None
            reader = threading.Thread(target=lambda: shown.extend(iter(following.stdout.readline, "")))  # type: ignore[union-attr, arg-type]
            reader.start()
            wait_until(
                lambda: any("serving http" in line for line in shown),
                15,
                "what was there",
                lambda: str(shown),
            )
            began = time.monotonic()
            served.control("models/echo:plain/load")
            wait_until(
                lambda: any("echo:plain ready" in line for line in shown), 15, "new lines", lambda: str(shown)
            )
            assert time.monotonic() - began < 8
            os.kill(following.pid, signal.SIGINT)
            assert following.wait(10) == 130
            reader.join(5)
    assert len([line for line in shown if "serving http" in line]) == 1
