"""A process that does nothing but wake every 5 ms: how long the machine keeps such a one waiting, whatever it does.

with bystander() as beat:
    beat()  # begins
    beat()  # the longest gap since then, in seconds
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_BEATS = """
import select, sys, time
longest, last = 0.0, time.perf_counter()
while True:
    asked = select.select([sys.stdin], [], [], 0.005)[0]
    now = time.perf_counter()
    longest, last = max(longest, now - last), now
    if asked:
        if not sys.stdin.readline():
            break
        print(longest, flush=True)
        longest, last = 0.0, time.perf_counter()
"""


@contextmanager
def bystander() -> Iterator[Callable[[], float]]:
    """Run one. What it gives says the longest gap since it was asked last."""
    command = [sys.executable, "-c", _BEATS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        told, asking = process.stdout, process.stdin
        assert told is not None and asking is not None

        def ask() -> float:
            asking.write("\n")
            asking.flush()
            return float(told.readline())

        yield ask
        asking.close()
