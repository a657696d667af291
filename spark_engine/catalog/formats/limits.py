"""Limits that a process sets itself before it reads files it does not trust; Windows has none of them."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from spark_engine.catalog.formats.refusal import Refused

MEMORY_BYTES = 1024**3
TIME_S = 30
"""Computing time for one model."""
_state = {"limited": False, "reading": False}


class TooSlow(Refused):
    """Reading a model takes longer than any model takes."""

    def __init__(self) -> None:
        super().__init__("too_slow", "it takes longer to read than any model")


def limit_process() -> None:
    """Bound this process's memory, and let no crash write it to disk."""
    if sys.platform == "win32":
        return
    import resource

    for limit, value in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        _, most = resource.getrlimit(limit)
        allowed = value if most == resource.RLIM_INFINITY else min(value, most)
        with suppress(ValueError, OSError):  # macOS has the name, but not the limit
            resource.setrlimit(limit, (allowed, most))
    signal.signal(signal.SIGXCPU, _too_slow)
    _state["limited"] = True


@contextmanager
def limited_time(seconds: int = TIME_S) -> Iterator[None]:
    """Raise TooSlow in the middle of what takes longer than this; of no effect before `limit_process` was called."""
    if sys.platform == "win32" or not _state["limited"]:
        yield
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (until, most))
    _state["reading"] = True
    try:
        yield
    finally:
        _state["reading"] = False


def _too_slow(number: int, frame: FrameType | None) -> None:
    if _state["reading"]:
        raise TooSlow
