"""llama.cpp's own interface, its log turned down to warnings."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["heard_by", "llama", "native_log"]

try:
    from llama_cpp import llama_cpp as llama
except (OSError, RuntimeError) as error:  # its native library is there, but does not load
    raise ImportError(f"llama.cpp does not load: {error}") from error

_WARN, _ERROR, _CONTINUED = 3, 4, 5  # as ggml.h numbers them; the Python package tells an older numbering
_KEPT_LINES = 20


class NativeLog:
    """Passes on what llama.cpp warns of, and keeps its last errors to explain a failure with."""

    def __init__(self) -> None:
        self._level = 0
        self._errors: deque[str] = deque(maxlen=_KEPT_LINES)

    def __call__(self, level: int, text: bytes, _: object) -> None:
        """One piece of llama.cpp's log; `_CONTINUED` pieces belong to the one before."""
        self._level = self._level if level == _CONTINUED else level
        if self._level not in (_WARN, _ERROR):
            return
        line = text.decode("utf-8", "replace")
        if self._level == _ERROR:
            self._errors.append(line.strip())
        sys.stderr.write(line)

    def forget(self) -> None:
        """Drop the errors kept so far."""
        self._errors.clear()

    def errors(self) -> str:
        """What went wrong since `forget`, in llama.cpp's words without its functions' names."""
        return "; ".join(line.partition(": ")[2] or line for line in self._errors)


native_log = NativeLog()
_callback: Any = llama.llama_log_callback(native_log)  # llama.cpp keeps only its address
llama.llama_log_set(_callback, None)
llama.llama_backend_init()


@contextmanager
def heard_by(listener: Callable[[int, bytes, object], None]) -> Iterator[None]:
    """Within, `listener` is told all of llama.cpp's log, as `NativeLog` is otherwise."""
    callback = llama.llama_log_callback(listener)
    llama.llama_log_set(callback, None)
    try:
        yield
    finally:
        llama.llama_log_set(_callback, None)
