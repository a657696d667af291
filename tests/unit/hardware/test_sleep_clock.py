"""How long the machine slept, as each system tells it: what runs here, and Windows by a kernel of its own shape."""

import ctypes
import time

import pytest

from spark_engine.hardware import sleep_clock
from spark_engine.hardware.sleep_clock import asleep_on_windows, asleep_s


class Kernel:
    """kernel32 as far as it is asked: an hour since the start, some of it asleep."""

    def __init__(self, asleep_s: float) -> None:
        self._awake = 3600.0 - asleep_s
        self.GetTickCount64 = self._Ticks()

    class _Ticks:
        restype: object = ctypes.c_int

        def __call__(self) -> int:
            assert self.restype is ctypes.c_uint64, "else it is cut off after 25 days"
            return 3_600_000

    def QueryUnbiasedInterruptTime(self, into: object) -> int:  # noqa: N802
        into._obj.value = int(self._awake * 10_000_000)  # type: ignore[attr-defined]
        return 1


def test_windows_counts_what_the_unbiased_clock_left_out() -> None:
    assert asleep_on_windows(Kernel(0.0)) == pytest.approx(0)
    assert asleep_on_windows(Kernel(1200.0)) == pytest.approx(1200)


def test_being_awake_is_no_sleep_here() -> None:
    before = asleep_s()
    time.sleep(0.2)
    assert asleep_s() - before == pytest.approx(0, abs=0.05)


def test_macos_and_a_system_that_tells_nothing_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = {time.CLOCK_MONOTONIC: 1000.0, 77: 400.0}
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(sleep_clock.time, "clock_gettime", clocks.__getitem__)
    monkeypatch.setattr(time, "CLOCK_UPTIME_RAW", 77, raising=False)
    assert asleep_s() == 600.0
    monkeypatch.delattr(time, "CLOCK_UPTIME_RAW")
    monkeypatch.setattr(sleep_clock.time, "time", lambda: 5000.0)
    monkeypatch.setattr(sleep_clock.time, "monotonic", lambda: 2000.0)
    assert asleep_s() == 3000.0
