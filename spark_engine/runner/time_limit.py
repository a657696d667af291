"""Work on what strangers wrote, on a thread of its own and never for longer than a moment."""

import ctypes
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_STARTING = threading.Lock()
"""The size of stacks is set for the whole process."""


class TookTooLong(BaseException):
    """The time was up. Raised in the work itself too, so that it ends there; no template can catch it."""


class Unfinished(TookTooLong):
    """The time was up, and the work still goes on: native code cannot be stopped from outside."""

    def __init__(self, thread: threading.Thread) -> None:
        super().__init__()
        self.thread = thread


def within(seconds: float, work: Callable[[], _T], *, stack_bytes: int = 0) -> _T:
    """Do `work` and return its result, or raise what it raised; `TookTooLong` when it has not ended in time.

    The interpreter raises the exception between two instructions of the thread, on every platform.
    `stack_bytes`: room for recursion; reserved, and only used as far as it is needed.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = _started(run, stack_bytes)
    thread.join(seconds)
    if thread.is_alive() and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(TookTooLong)
        )
        thread.join(seconds / 4)
        raise Unfinished(thread) if thread.is_alive() else TookTooLong
    if errors:
        raise errors[0]
    return results[0]


def _started(run: Callable[[], None], stack_bytes: int) -> threading.Thread:
    thread = threading.Thread(target=run, name="bounded work", daemon=True)
    with _STARTING:
        before = threading.stack_size(stack_bytes)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    return thread
