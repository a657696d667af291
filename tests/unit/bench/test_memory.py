"""Memory: the peak of real processes."""

import subprocess
import sys

import psutil

from spark_engine.bench.memory import peak_bytes

HOLDER = "import sys\nheld = bytearray(120_000_000)\ndel held\nprint(flush=True)\nsys.stdin.read()"


def test_the_peak_is_remembered_after_the_memory_was_given_back() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        now = psutil.Process(process.pid).memory_info().rss
        peak = peak_bytes([process.pid])
        process.communicate(b"")
    assert now < 100e6
    if sys.platform in ("linux", "win32"):
        assert peak > 120e6


def test_processes_are_summed_and_ended_ones_count_nothing() -> None:
    own = psutil.Process().pid
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert peak_bytes([own, own]) == 2 * peak_bytes([own])
    assert peak_bytes([ended.pid]) == 0
