"""What lasts between runs and is too much for a small file: one SQLite file, one connection, one thread.

A single connection is the only writer, as SQLite before 3.51.3 may damage a write-ahead log that two write to.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

log = logging.getLogger(__name__)
_T = TypeVar("_T")
SET_ASIDE = ".damaged"
MIGRATIONS = (
    """
    CREATE TABLE requests (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        words TEXT NOT NULL,
        entry BLOB NOT NULL
    )
    """,
)
"""What makes each version of the file from the one before; `user_version` counts them. Only ever added to."""


class StoreUnavailable(Exception):
    """The file can be neither read nor made, or is of a newer Spark."""


class Store:
    """Opens the file when it is first used. One that is damaged is set aside, and a new one begun.

    History, not accounts: a power cut may cost the last seconds (`synchronous=NORMAL`), but never the file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    async def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do something with the connection, as one transaction. StoreUnavailable when there is none."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    async def close(self) -> None:
        """Finish what was begun and close the file."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=False)

    def _work(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            connection = self._connection = self._connection or self._open()
            with connection:
                return work(connection)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{self._file}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        """A sound connection; a damaged file is set aside and a new one begun."""
        try:
            return _connected(self._file)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) or not self._file.exists():
                raise  # no room, no permission: nothing is wrong with the file itself
            kept = self._file.with_name(self._file.name + SET_ASIDE)
            log.warning("%s is damaged (%s) and was set aside as %s", self._file, error, kept.name)
            self._file.replace(kept)
            for companion in ("-wal", "-shm"):
                self._file.with_name(self._file.name + companion).unlink(missing_ok=True)
            return _connected(self._file)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _connected(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise StoreUnavailable(f"it was written by a newer Spark (version {version})")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        _migrate(connection, version)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the file from a version to the newest, all steps or none."""
    with connection:
        connection.execute("BEGIN")
        for step in MIGRATIONS[version:]:
            connection.execute(step)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
