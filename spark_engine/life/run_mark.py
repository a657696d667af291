"""A mark for as long as a process of Spark's runs: what finds it standing knows that the one before crashed.

A file of Python's own takes the places of a native fault meanwhile, so that they outlive the process.
"""

import faulthandler
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import IO, Literal, Self

import psutil
from msgspec import Struct
from msgspec.structs import replace

from spark_engine import __version__
from spark_engine.errors import SparkError
from spark_engine.life.crashes import keep_crash, tail_lines
from spark_engine.life.safe_lines import fault_kind
from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record
from spark_engine.types.crashes import CrashReport
from spark_engine.types.settings import SettingValue

log = logging.getLogger(__name__)
_SIGNALS = {
    "Segmentation fault": "SIGSEGV", "Aborted": "SIGABRT", "Bus error": "SIGBUS",
    "Illegal instruction": "SIGILL", "Floating point exception": "SIGFPE",
}  # fmt: skip
WISHED = ("SIGTERM", "SIGINT", "SIGHUP")
"""Who ends a process by these wants it to end."""
UNKNOWN = "no last words: killed, or out of memory"
WINDOWS_FAULT = 0xC0000000
"""Windows: a process that a fault ended has a status from here on."""


class _Mark(Struct, frozen=True):
    pid: int
    at: float
    version: str
    ending: bool = False


class _Ended(Struct, frozen=True):
    """What whoever started a process saw of its end."""

    pid: int
    status: int


class RunMark:
    """`with RunMark(base, "engine", settings):` around the whole run of a process that is the only one of its kind.

    A crash of the one before is kept when it begins. `settings`: those that are not at their defaults.
    """

    def __init__(
        self,
        base: BaseDir,
        process: Literal["engine", "app"],
        settings: Mapping[str, SettingValue] | None = None,
    ) -> None:
        self._base, self._process, self._settings = base, process, dict(settings or {})
        self._file = base.run / f"{process}-runs.json"
        self._faults = base.run / f"{process}-fault.txt"
        self._mark = _Mark(os.getpid(), time.time(), __version__)
        self._was_on = False
        self._taken: IO[str] | None = None

    def __enter__(self) -> Self:
        before = read_record(self._file, _Mark, None)
        if before is not None:
            self._keep(before)
        with suppress(OSError):  # a full disk must not keep Spark from starting
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_record(self._file, self._mark)
            self._was_on = faulthandler.is_enabled()
            self._taken = self._faults.open("w", encoding="utf-8")
            faulthandler.enable(file=self._taken)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, SparkError | KeyboardInterrupt | SystemExit):
            self._file.unlink(missing_ok=True)
        if self._taken is not None:
            faulthandler.disable()
            if self._was_on and sys.__stderr__ is not None:
                faulthandler.enable(file=sys.__stderr__)
            self._taken.close()
            with suppress(OSError):
                self._faults.unlink(missing_ok=True)

    def ending(self) -> None:
        """It was asked to end: that it is killed now, because it takes too long, is no crash."""
        with suppress(OSError):
            write_record(self._file, replace(self._mark, ending=True))

    def _keep(self, before: _Mark) -> None:
        """The process before this one did not end in order; when the whole machine did not, that was no crash."""
        fault = tail_lines(self._faults)
        if not fault and (before.ending or psutil.boot_time() > before.at):
            return
        how = _how(self._base, self._process, before.pid, fault)
        if how in WISHED:
            return
        at = self._faults.stat().st_mtime if fault else _last_sign(self._base, self._process, before.at)
        output = tail_lines(self._base.logs / f"{self._process}-output.1.log")
        report = CrashReport(
            at, self._process, how, pid=before.pid, ran_s=max(0.0, at - before.at), settings=self._settings
        )
        kept = keep_crash(self._base, report, [*output, *fault])
        log.warning("the %s before this one crashed (%s); see %s", self._process, how, kept and kept.folder)


def note_end(base: BaseDir, process: Literal["engine", "app"], pid: int, status: int) -> None:
    """Remember how a process ended, for the next one; `status` as `subprocess` gives it."""
    with suppress(OSError):
        write_record(base.run / f"{process}-ended.json", _Ended(pid, status))


def ended_words(status: int) -> str:
    """How a process ended: a signal's name, or its status."""
    if status >= WINDOWS_FAULT:
        return f"fault 0x{status:08X}"
    try:
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"
    except ValueError:
        return f"signal {-status}"


def _how(base: BaseDir, process: str, pid: int, fault: list[str]) -> str:
    noted = read_record(base.run / f"{process}-ended.json", _Ended, None)
    if noted is not None and noted.pid == pid:
        return ended_words(noted.status)
    kind = fault_kind(fault)
    return _SIGNALS.get(kind, kind) or UNKNOWN


def _last_sign(base: BaseDir, process: str, began: float) -> float:
    """When it last wrote into its log."""
    try:
        return max(began, (base.logs / f"{process}.log").stat().st_mtime)
    except OSError:
        return began
