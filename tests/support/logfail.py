"""Fails a test that logs a warning or an error it did not announce, and one whose announced record never came."""

import logging
import re
from collections.abc import Callable, Iterator

import pytest


class LogGuard(logging.Handler):
    """Collects records from WARNING up while a test runs; `announce` says which of them belong to it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._records: list[logging.LogRecord] = []
        self._announced: list[re.Pattern[str]] = []
        self._tolerated: list[re.Pattern[str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record; judged at the end, for it may come from any thread."""
        self._records.append(record)

    def announce(self, pattern: str) -> None:
        """Expect at least one record whose `logger: message` matches `pattern` (a regular expression)."""
        self._announced.append(re.compile(pattern))

    def tolerate(self, pattern: str) -> None:
        """Records that match may come, or not: what libraries say of a race that does no harm."""
        self._tolerated.append(re.compile(pattern))

    def verdict(self) -> list[str]:
        """What is wrong, a sentence each; empty when all records were announced and all announced ones came."""
        lines = [_line(r) for r in self._records]
        known = (*self._announced, *self._tolerated)
        surprises = [line for line in lines if not any(p.search(line) for p in known)]
        absent = [p.pattern for p in self._announced if not any(p.search(line) for line in lines)]
        return [f"unannounced log record: {s}" for s in surprises] + [
            f"announced log record never came: {p}" for p in absent
        ]


def _line(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return f"{record.name}: {record.levelname}: {record.getMessage()}" + (f" [{error!r}]" if error else "")


@pytest.fixture(autouse=True)
def log_guard() -> Iterator[LogGuard]:
    """The guard of this test."""
    guard = LogGuard()
    root = logging.getLogger()
    root.addHandler(guard)
    yield guard
    root.removeHandler(guard)
    if verdict := guard.verdict():
        pytest.fail("\n".join(verdict), pytrace=False)


@pytest.fixture
def expect_log(log_guard: LogGuard) -> Callable[[str], None]:
    """`expect_log(pattern)` announces log records of this test."""
    return log_guard.announce
