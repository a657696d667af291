"""Lets a process that works for minutes step back behind what people wait for."""

import sys
from contextlib import suppress

import psutil

NICENESS = 5


def step_back() -> None:
    """Give this process, and all it starts from now on, a lower priority; where the system refuses, none is given."""
    with suppress(psutil.Error, OSError):
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else NICENESS)
