"""The mark of a running process: real processes that die in every way, and what the next one makes of it."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from spark_engine.life import run_mark
from spark_engine.life.crashes import kept_crashes
from spark_engine.life.run_mark import RunMark, ended_words, note_end
from spark_engine.paths import BaseDir
from spark_engine.types.crashes import CrashReport

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")
RUN = """
import faulthandler, os, signal, sys
from pathlib import Path
from spark_engine.errors import StartRefused
from spark_engine.life.run_mark import RunMark
from spark_engine.paths import BaseDir
def deep(how):
    if how == "fault": faulthandler._sigsegv()
    if how == "abort": os.abort()
    if how == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if how == "term": os.kill(os.getpid(), signal.SIGTERM)
    if how == "slow end": mark.ending(); os.kill(os.getpid(), signal.SIGKILL)
    if how == "bad end": mark.ending(); faulthandler._sigsegv()
    if how == "raise": raise ValueError("my secret")
    if how == "refused": raise StartRefused("x", "x", "x")
with RunMark(BaseDir(Path(sys.argv[1])), "engine", {"models.slots": 3}) as mark:
    deep(sys.argv[2])
"""
Log = Callable[[str], None]


def ran(base: BaseDir, how: str, *, noted: bool = True) -> int:
    """Let a process run and end so; whoever started it takes note."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(base.root), how], stderr=subprocess.DEVNULL
    ) as process:
        status = process.wait(20)
    if noted:
        note_end(base, "engine", process.pid, status)
    return process.pid


def next_one(base: BaseDir) -> list[CrashReport]:
    with RunMark(base, "engine"):
        pass
    assert not list(base.run.glob("engine-runs*")) + list(base.run.glob("engine-fault*"))
    return [kept.report for kept in kept_crashes(base)]


@posix
@pytest.mark.parametrize(
    ("how", "noted", "words", "kind"),
    [
        ("fault", True, "SIGSEGV", "Segmentation fault"),
        ("fault", False, "SIGSEGV", "Segmentation fault"),
        ("abort", False, "SIGABRT", "Aborted"),
        ("kill", True, "SIGKILL", ""),
        ("bad end", True, "SIGSEGV", "Segmentation fault"),
        ("kill", False, run_mark.UNKNOWN, ""),
        ("raise", True, "exit status 1", ""),
    ],
)
def test_a_crash_is_kept_by_the_next_one(
    base: BaseDir, expect_log: Log, how: str, noted: bool, words: str, kind: str
) -> None:
    expect_log(r"the engine before this one crashed")
    pid = ran(base, how, noted=noted)
    (report,) = next_one(base)
    assert (report.process, report.how, report.kind, report.pid) == ("engine", words, kind, pid)
    assert report.ran_s is not None and 0 <= report.ran_s < 20
    if kind:
        assert report.places[0].endswith(" deep")
    assert len(next_one(base)) == 1, "told once"


@posix
@pytest.mark.parametrize("how", ["well", "refused", "term", "slow end"])
def test_an_orderly_end_is_none(base: BaseDir, how: str) -> None:
    ran(base, how)
    assert next_one(base) == []


@posix
def test_when_the_whole_machine_went_down_nothing_crashed(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(base, "kill", noted=False)
    later = psutil.time.time() + 60
    monkeypatch.setattr(run_mark.psutil, "boot_time", lambda: later)
    assert next_one(base) == []


def test_python_s_own_fault_handler_is_given_back(base: BaseDir) -> None:
    import faulthandler

    before = faulthandler.is_enabled()
    with RunMark(base, "app"):
        assert faulthandler.is_enabled()
        assert (base.run / "app-fault.txt").exists()
    assert faulthandler.is_enabled() is before


def test_a_full_disk_keeps_nothing_from_starting(base: BaseDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, value: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run_mark, "write_record", full)
    with RunMark(base, "engine"):
        pass


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (-int(signal.SIGTERM), "SIGTERM"), (3, "exit status 3"), (0xC0000005, "fault 0xC0000005"),
        (-250, "signal 250"), (0, "exit status 0"),
    ],
)  # fmt: skip
def test_how_it_ended_in_words(status: int, words: str) -> None:
    assert ended_words(status) == words
