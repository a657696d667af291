"""The requests that are over, the latest ten thousand, over restarts: asked for piece by piece, searched by words."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from spark_engine.engine.store import Store, StoreUnavailable
from spark_engine.errors import NotFound, Unavailable
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.requests import RequestEntry, RequestPage, is_active, is_meant, words_of

log = logging.getLogger(__name__)
KEPT = 10_000
WRITE_AFTER_S = 1.0
"""Requests that end in one second are written together."""


class RequestHistory:
    """`active` gives the requests that are under way. Nothing of a prompt or an answer is in any of them."""

    def __init__(self, store: Store, active: Callable[[], Iterable[RequestEntry]]) -> None:
        self._store, self._active = store, active
        self._unwritten: list[RequestEntry] = []
        self._writing: asyncio.Task[None] | None = None

    def add(self, entry: RequestEntry) -> None:
        """Remember a request that is over; it is written within a second."""
        self._unwritten.append(entry)
        if self._writing is None or self._writing.done():
            self._writing = create_task(self._write_soon(), name="write request history")

    async def page(self, *, before: str = "", limit: int = 100, text: str = "") -> RequestPage:
        """A piece of the list. See `RequestList.page`."""
        try:
            await self._write()
            found = await self._store.run(lambda connection: _read(connection, before, limit, text))
        except StoreUnavailable as error:
            raise Unavailable(
                "history_unavailable",
                "Finished requests cannot be looked up",
                f"{error}.",
                "Make room on the disk, or correct the folder's permissions; requests themselves are served.",
            ) from error
        if found is None:
            raise NotFound(
                "request_not_found", "No such request", "It is not in the list (any more).", param="before"
            )
        active = () if before else tuple(e for e in self._active() if is_active(e) and is_meant(e, text))
        return RequestPage(active, *found)

    async def close(self) -> None:
        """Write what is not written yet."""
        await cancel_and_wait(self._writing)
        await self._write_or_log()
        await self._store.close()

    async def _write_soon(self) -> None:
        while self._unwritten:
            await asyncio.sleep(WRITE_AFTER_S)
            await self._write_or_log()

    async def _write_or_log(self) -> None:
        try:
            await self._write()
        except StoreUnavailable as error:
            log.warning("finished requests are not remembered: %s", error)

    async def _write(self) -> None:
        entries, self._unwritten = self._unwritten, []
        if entries:
            rows = [(e.id, words_of(e), msgspec.json.encode(e)) for e in entries]
            await self._store.run(lambda connection: _insert(connection, rows))


def _insert(connection: sqlite3.Connection, rows: list[tuple[str, str, bytes]]) -> None:
    connection.executemany("INSERT OR REPLACE INTO requests (id, words, entry) VALUES (?, ?, ?)", rows)
    connection.execute("DELETE FROM requests WHERE number <= (SELECT max(number) FROM requests) - ?", (KEPT,))


def _read(
    connection: sqlite3.Connection, before: str, limit: int, text: str
) -> tuple[tuple[RequestEntry, ...], str] | None:
    """The latest `limit` entries that ended before one (empty: all), and the id of the last if there are more; None
    when that one is unknown."""
    conditions, values = ["1"], list[Any]()
    if before:
        row = connection.execute("SELECT number FROM requests WHERE id = ?", (before,)).fetchone()
        if row is None:
            return None
        conditions.append("number < ?")
        values.append(row[0])
    if wanted := text.strip().lower():
        conditions.append("instr(words, ?) > 0")
        values.append(wanted)
    rows = connection.execute(
        f"SELECT id, entry FROM requests WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    found = tuple(entry for _, data in rows[:limit] if (entry := _decoded(data)) is not None)
    return found, rows[limit - 1][0] if len(rows) > limit else ""


def _decoded(data: bytes) -> RequestEntry | None:
    """What an earlier version wrote may lack fields; what cannot be read is left out."""
    try:
        return msgspec.json.decode(data, type=RequestEntry)
    except msgspec.MsgspecError:
        return None
