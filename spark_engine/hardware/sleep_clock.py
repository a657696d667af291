"""How long this machine has slept: the difference between a clock that goes on in sleep and one that stands still."""

import ctypes
import sys
import time
from typing import Any

_TICKS_PER_S = 10_000_000


def asleep_s() -> float:
    """Seconds that grow only while the machine sleeps, as far as the system tells clocks apart; only gains count."""
    if sys.platform == "win32":
        return asleep_on_windows(ctypes.windll.kernel32)
    with_sleep: int | None = getattr(time, "CLOCK_BOOTTIME", None)  # Linux
    without_sleep: int | None = getattr(time, "CLOCK_UPTIME_RAW", None)  # macOS
    if with_sleep is not None:
        return time.clock_gettime(with_sleep) - time.clock_gettime(time.CLOCK_MONOTONIC)
    if without_sleep is not None:
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(without_sleep)
    return time.time() - time.monotonic()


def asleep_on_windows(kernel: Any) -> float:
    """`kernel` is kernel32: its tick count goes on in sleep, its unbiased time does not."""
    unbiased = ctypes.c_uint64()
    kernel.GetTickCount64.restype = ctypes.c_uint64
    if not kernel.QueryUnbiasedInterruptTime(ctypes.byref(unbiased)):
        return 0.0
    return float(kernel.GetTickCount64()) / 1000 - unbiased.value / _TICKS_PER_S
