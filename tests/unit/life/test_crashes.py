"""Crash reports: kept with what helps, without secrets, bounded in number and size, counted when they repeat."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from spark_engine.life import crashes
from spark_engine.life.crashes import MOST, forget_crashes, keep_crash, kept_crashes
from spark_engine.paths import BaseDir
from spark_engine.types.crashes import CrashReport, crash_words

NOW = 1_800_000_000.0
REPORT = CrashReport(
    NOW, "runner", "SIGSEGV", "nano:onnx-int4", pid=7, plan={"device": "cuda", "context": 4096}
)
FAULT = [
    "Fatal Python error: Segmentation fault", "",
    "Current thread 0x00007f00 (most recent call first):",
    '  File "/x/onnx_run.py", line 31 in forward',
    '  File "/x/loop.py", line 110 in run',
]  # fmt: skip


def test_a_report_says_what_is_known(base: BaseDir) -> None:
    (base.logs / "engine.log").write_text("2031-01-01T00:00:00.000Z engine INFO x: it began\nno record\n")
    kept = keep_crash(base, REPORT, ["private words", *FAULT])
    assert kept is not None
    folder = Path(kept.folder)
    assert (folder.parent, stat.S_IMODE(folder.stat().st_mode)) == (base.crashes, 0o700)
    report = kept_crashes(base)[0].report
    assert (report.kind, report.places) == (
        "Segmentation fault", ("onnx_run.py:31 forward", "loop.py:110 run"),
    )  # fmt: skip
    assert (report.plan, report.pid, report.count, report.last_at) == (REPORT.plan, 7, 1, NOW)
    assert {"spark", "python", "system", "onnxruntime"} <= report.versions.keys()
    assert crash_words(report) == "The process of nano:onnx-int4 crashed (SIGSEGV)."
    trace = (folder / "trace.txt").read_text()
    assert "private" not in trace
    assert "line 31 in forward" in trace
    assert "it began" in (folder / "log.txt").read_text()


def test_no_secret_of_the_settings_is_kept(base: BaseDir, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"hub.endpoint": "https://me:pass@hub.example/x?token=abc", "models.slots": 4}
    kept = keep_crash(base, replace(REPORT, settings=settings, plan={"path": "token=abc"}))
    assert kept is not None
    assert kept.report.settings == {"hub.endpoint": "https://***@hub.example/x?token=***", "models.slots": 4}
    text = (Path(kept.folder) / "crash.json").read_text()
    assert "pass" not in text
    assert "abc" not in text
    assert json.loads(text)["settings"]["models.slots"] == 4


def test_the_same_again_within_minutes_only_counts_up(base: BaseDir) -> None:
    for at in (0, 10, 500):
        keep_crash(base, replace(REPORT, at=NOW + at), FAULT)
    (only,) = kept_crashes(base)
    assert (only.report.count, only.report.at, only.report.last_at) == (3, NOW, NOW + 500)
    assert crash_words(only.report) == "The process of nano:onnx-int4 crashed 3 times (SIGSEGV)."
    keep_crash(base, replace(REPORT, at=NOW + 501, how="SIGKILL"), FAULT)
    keep_crash(base, replace(REPORT, at=NOW + 502, about="other:gguf"), FAULT)
    keep_crash(base, replace(REPORT, at=NOW + 5000, about="other:gguf"), FAULT)
    assert [c.report.last_at - NOW for c in kept_crashes(base)] == [5000, 502, 501, 500]


def test_number_and_size_are_bounded(base: BaseDir) -> None:
    head = "2031-01-01T00:00:00.000Z runner INFO x: "
    many = [f"{head}{'word ' * 400}" for _ in range(250)]
    for number in range(MOST + 5):
        keep_crash(base, replace(REPORT, at=NOW + number, about=f"model-{number}"), many)
    kept = kept_crashes(base)
    assert [c.report.about for c in kept] == [f"model-{n}" for n in range(MOST + 4, 4, -1)]
    assert len(list(base.crashes.iterdir())) == MOST
    size = sum(f.stat().st_size for f in base.crashes.rglob("*") if f.is_file())
    assert size < MOST * (2 * crashes.MOST_CHARS + 8192)
    assert forget_crashes(base) == MOST
    assert kept_crashes(base) == []
    assert forget_crashes(base) == 0


def test_strange_names_and_two_in_one_second(base: BaseDir) -> None:
    for how in ("SIGSEGV", "SIGABRT"):
        keep_crash(base, replace(REPORT, about="org/../../na me:x", how=how))
    assert {Path(c.folder).parent for c in kept_crashes(base)} == {base.crashes}
    assert len({c.id for c in kept_crashes(base)}) == 2


def test_damaged_reports_are_passed_over(base: BaseDir, expect_log: Callable[[str], None]) -> None:
    expect_log("is ignored")
    (base.crashes / "x").mkdir(parents=True)
    (base.crashes / "x" / "crash.json").write_text('{"at": "never"')
    (base.crashes / "empty").mkdir()
    assert kept_crashes(base) == []
    assert keep_crash(base, REPORT) is not None


def test_where_nothing_can_be_written_it_is_only_said(
    base: BaseDir, expect_log: Callable[[str], None]
) -> None:
    expect_log("the report of a crash cannot be kept")
    base.crashes.write_text("in the way")
    assert keep_crash(base, REPORT) is None
