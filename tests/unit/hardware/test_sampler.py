"""One reading of the machine: real processor, memory and disk, and readers that hang, fail or find nothing."""

import os
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spark_engine.hardware.accelerators import Found, each_once
from spark_engine.hardware.cpu import CpuReader
from spark_engine.hardware.disk import DiskReader
from spark_engine.hardware.own import OwnReader
from spark_engine.hardware.readers import readers
from spark_engine.hardware.sampler import ASK_AGAIN_EVERY, Sampler
from spark_engine.types.hardware import AcceleratorReading

ROLES = {os.getpid(): "engine"}
CARD = AcceleratorReading("a/1", "gpu", "AMD", "Card", load=0.5)


class Scripted:
    """A reader that does what its script says, again and again."""

    def __init__(self, name: str, found: Found | Exception) -> None:
        self.name, self.found, self.asked = name, found, 0
        self.gate: threading.Event | None = None

    def read(self, pids: frozenset[int]) -> Found:
        self.asked += 1
        assert os.getpid() in pids
        if self.gate is not None:
            self.gate.wait()
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opened at the end in any case: Python waits for the pool's threads when it ends."""
    made = threading.Event()
    yield made
    made.set()


def busy(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_the_processor_is_busy_while_somebody_computes() -> None:
    reader, own = CpuReader(), OwnReader()
    own.read(ROLES)
    before = time.monotonic()
    busy(0.3)
    wall = time.monotonic() - before
    cpu, share = reader.read(), own.read(ROLES)
    assert len(cpu.cores) == psutil.cpu_count()
    assert cpu.name
    expected = 0.3 / wall / (psutil.cpu_count() or 1)
    assert expected * 0.6 < cpu.load <= 1.0
    assert share.cpu == pytest.approx(expected, rel=0.35)
    assert share.processes[0].role == "engine"
    assert share.memory_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)


def test_waiting_is_idle_and_a_core_that_slept_has_the_load_of_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = namedtuple("times", "user idle iowait guest")
    told = [[times(10, 10, 0, 0)] * 2, [times(11, 12, 1, 1), times(10, 10, 0, 0)], [times(15, 12, 1, 5)] * 2]
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: told.pop(0))
    reader = CpuReader()
    assert [core.load for core in reader.read().cores] == [0.25, 0.0]
    assert reader.read().cores[0].load == 1.0


def test_two_readings_at_once_do_not_divide_by_nothing() -> None:
    reader = CpuReader()
    loads = [reader.read().load for _ in range(20)]
    assert all(0 <= load <= 1 for load in loads)


def test_processes_that_are_gone_are_left_out() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        reader, roles = OwnReader(), {**ROLES, child.pid: "m:v"}
        assert [one.role for one in reader.read(roles).processes] == ["engine", "m:v"]
        child.communicate(b"\n")
    assert [one.role for one in reader.read(roles).processes] == ["engine"]


def test_the_disk_of_a_folder(tmp_path: Path) -> None:
    reader = DiskReader(str(tmp_path))
    first = reader.read()
    assert (first.read_per_s, first.written_per_s) == (None, None)
    time.sleep(0.05)
    second = reader.read()
    assert 0 < second.free_bytes < second.total_bytes
    if psutil.disk_io_counters() is not None:
        assert second.written_per_s is not None and second.written_per_s >= 0


def test_a_reading_holds_what_every_reader_found(tmp_path: Path) -> None:
    sampler = Sampler(
        [Scripted("A", Found((CARD,))), Scripted("B", Found(reason="None here."))], str(tmp_path)
    )
    reading = sampler.read(ROLES)
    assert reading.accelerators == (CARD,)
    assert [(u.reader, u.reason) for u in reading.unread] == [("B", "None here.")]
    assert reading.disk is not None and reading.disk.path == str(tmp_path)
    assert reading.memory.total_bytes > 0
    assert time.time() - reading.at < 5


def test_a_driver_that_hangs_costs_its_own_reading_only_and_is_back_when_it_answers(
    tmp_path: Path, gate: threading.Event
) -> None:
    hung, fine = Scripted("A", Found((CARD,))), Scripted("B", Found((CARD,)))
    hung.gate = gate
    sampler = Sampler([hung, fine], str(tmp_path), patience_s=0.2)
    began = time.monotonic()
    first = sampler.read(ROLES)
    assert 0.15 < time.monotonic() - began < 1.5
    assert first.accelerators == (CARD,)
    assert [(u.reader, u.reason) for u in first.unread] == [("A", "The driver does not answer.")]
    began = time.monotonic()
    assert sampler.read(ROLES).unread
    assert time.monotonic() - began < 0.15
    assert hung.asked == 1
    gate.set()
    time.sleep(0.1)
    assert sampler.read(ROLES).unread == ()
    assert len(sampler.read(ROLES).accelerators) == 2
    assert hung.asked == 2


def test_a_reader_that_fails_is_told_and_asked_again_later(tmp_path: Path) -> None:
    broken, nothing = Scripted("A", ValueError("bad number")), Scripted("B", Found(reason="None here."))
    sampler = Sampler([broken, nothing], str(tmp_path))
    reading = sampler.read(ROLES)
    assert reading.unread[0].reason == "Reading it failed: ValueError: bad number."
    for _ in range(ASK_AGAIN_EVERY - 1):
        sampler.read(ROLES)
    assert (broken.asked, nothing.asked) == (1, 1)
    nothing.found = Found((CARD,))
    reading = sampler.read(ROLES)
    assert (broken.asked, nothing.asked) == (2, 2)
    assert reading.accelerators == (CARD,)
    assert [u.reader for u in reading.unread] == ["A"]


def test_a_folder_that_is_gone_is_a_reason(tmp_path: Path) -> None:
    reading = Sampler([], str(tmp_path / "gone")).read({})
    assert reading.disk is None
    assert reading.unread[0].reader == "Disk"


def test_windows_does_not_show_a_card_twice_that_its_vendor_shows() -> None:
    def card(id: str, vendor: str) -> AcceleratorReading:
        return AcceleratorReading(id, "gpu", vendor, "x")

    kept = each_once([card("nvidia/1", "NVIDIA"), card("windows/1", "NVIDIA"), card("windows/2", "Intel")])
    assert [one.id for one in kept] == ["nvidia/1", "windows/2"]


@pytest.mark.parametrize(
    ("platform", "names"),
    [
        ("linux", ["NVIDIA", "AMD", "Intel", "NPU"]),
        ("win32", ["NVIDIA", "Windows"]),
        ("darwin", ["Apple"]),
        ("freebsd", ["NVIDIA"]),
    ],
)
def test_every_platform_has_its_readers(platform: str, names: list[str]) -> None:
    assert [reader.name for reader in readers(platform)] == names
