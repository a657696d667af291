"""What `spark doctor` finds on a machine: right, questionable and wrong, each with a way out."""

import os
from pathlib import Path

import pytest

from spark_engine.cli.checks import (
    bundled_model_finding,
    disk_finding,
    folder_finding,
    machine_findings,
    python_finding,
    settings_finding,
    window_finding,
)
from spark_engine.cli.engine_checks import component_finding
from spark_engine.cli.health_checks import problem_finding
from spark_engine.paths import BaseDir
from spark_engine.types.components import (
    Broken,
    ComponentEntry,
    ComponentStatus,
    Installed,
    Missing,
    Verified,
)
from spark_engine.types.health import Problem


def test_everything_is_looked_at_without_writing_anything(tmp_path: Path) -> None:
    findings = machine_findings(BaseDir(tmp_path / "not" / "yet"))
    assert {f.subject for f in findings} >= {
        "Python",
        "Data folder",
        "Disk space",
        "Settings",
        "spark-nano",
        "Window",
    }
    assert [f for f in findings if f.verdict == "bad"] == []
    assert list(tmp_path.iterdir()) == []


def test_old_python() -> None:
    assert python_finding((3, 11)).verdict == "ok"
    old = python_finding((3, 10))
    assert (old.verdict, bool(old.remedy)) == ("bad", True)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    finding = folder_finding(BaseDir(file))
    assert finding.verdict == "bad"
    assert "--base-dir" in finding.remedy


def test_settings(base: BaseDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_HOME")
    monkeypatch.delenv("SPARK_MODELS_OTHER_APPS")
    assert settings_finding(base).message == "all at their defaults"
    base.settings_file.write_text("[server]\nport = 9000\n")
    assert settings_finding(base).message == "changed: server.port"
    base.settings_file.write_text("[server]\nport = 'many'\n")
    assert settings_finding(base).verdict == "bad"


@pytest.mark.parametrize(("free", "verdict"), [(1e12, "ok"), (2e9, "warn"), (1e8, "bad")])
def test_disk_space(base: BaseDir, monkeypatch: pytest.MonkeyPatch, free: float, verdict: str) -> None:
    usage = type("usage", (), {"free": free})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    assert disk_finding(base).verdict == verdict


def test_the_bundled_model(base: BaseDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert bundled_model_finding(base).verdict == "ok"
    monkeypatch.setattr("spark_engine.catalog.library.resources", lambda: tmp_path)
    assert bundled_model_finding(base).verdict == "bad"


@pytest.mark.parametrize(
    ("system", "environ", "verdict"),
    [
        ("linux", {}, "warn"),
        ("linux", {"DISPLAY": ":0"}, "ok"),
        ("linux", {"WAYLAND_DISPLAY": "w", "XDG_CURRENT_DESKTOP": "ubuntu:GNOME"}, "ok"),
        ("darwin", {}, "ok"),
    ],
)
def test_the_window(system: str, environ: dict[str, str], verdict: str) -> None:
    finding = window_finding(system, environ)
    assert finding.verdict == verdict
    assert ("GNOME" in finding.message) == ("XDG_CURRENT_DESKTOP" in environ)


@pytest.mark.parametrize(
    ("status", "optional", "verdict"),
    [
        (Verified("1"), True, "ok"),
        (Installed("1"), False, "ok"),
        (Missing(), True, "ok"),
        (Missing(), False, "bad"),
        (Broken("c", "T", "M", "R"), True, "warn"),
        (Broken("c", "T", "M", "R"), False, "bad"),
    ],
)
def test_components(status: ComponentStatus, optional: bool, verdict: str) -> None:
    finding = component_finding(ComponentEntry("gguf", "llama.cpp", ("gguf",), optional, 1, status))
    assert finding.verdict == verdict
    assert finding.remedy or verdict == "ok"


def test_problems_of_the_engine() -> None:
    finding = problem_finding(Problem("p", "error", "T", "M", "R"))
    assert (finding.verdict, finding.message, finding.remedy) == ("bad", "T. M", "R")
    assert os.environ.get("SPARK_HOME"), "tests never look at the user's own folder"
