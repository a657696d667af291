"""The store and the history of requests in it: pieces, search, restarts, limits, damage, newer files, no room."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from spark_engine.engine import request_history, store
from spark_engine.engine.request_history import RequestHistory
from spark_engine.engine.store import MIGRATIONS, Store, StoreUnavailable
from spark_engine.errors import NotFound, Unavailable
from spark_engine.types.generation import Timings, Usage
from spark_engine.types.requests import RequestEntry


def over(number: int, client: str = "app", model: str = "m:v") -> RequestEntry:
    usage, timings = Usage(7, 5, 2), Timings(queue_ms=3.0)
    return RequestEntry(f"r{number}", model, "finished", client, 1.0, float(number), usage, timings)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.db"


@pytest.fixture
async def history(file: Path) -> AsyncIterator[RequestHistory]:
    active = [RequestEntry("now", "m:v", "running", "app", 2.0), over(99)]
    made = RequestHistory(Store(file), lambda: active)
    yield made
    await made.close()


def ids(entries: tuple[RequestEntry, ...]) -> list[str]:
    return [entry.id for entry in entries]


async def test_piece_by_piece_the_latest_first(history: RequestHistory) -> None:
    for number in range(5):
        history.add(over(number))
    first = await history.page(limit=2)
    assert (ids(first.active), ids(first.finished), first.next) == (["now"], ["r4", "r3"], "r3")
    second = await history.page(before=first.next, limit=3)
    assert (ids(second.active), ids(second.finished), second.next) == ([], ["r2", "r1", "r0"], "")
    assert second.finished[0] == over(2)


async def test_a_search_looks_at_the_whole_history(history: RequestHistory) -> None:
    for number in range(300):
        history.add(over(number, client="Editor" if number % 100 == 0 else "app"))
    found = await history.page(limit=2, text=" EDITOR ")
    assert (ids(found.finished), found.next) == (["r200", "r100"], "r100")
    assert ids((await history.page(before="r100", text="editor")).finished) == ["r0"]
    assert (await history.page(text="editor")).active == ()
    assert (await history.page(text="100%_")).finished == ()


async def test_an_unknown_place_is_refused(history: RequestHistory) -> None:
    with pytest.raises(NotFound) as refused:
        await history.page(before="nobody")
    assert refused.value.param == "before"


async def test_it_is_there_after_a_restart_and_private(file: Path) -> None:
    before = RequestHistory(Store(file), list)
    before.add(over(1))
    await before.close()
    after = RequestHistory(Store(file), list)
    assert ids((await after.page()).finished) == ["r1"]
    await after.close()
    assert file.stat().st_mode & 0o077 == 0


async def test_only_the_latest_are_kept(history: RequestHistory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_history, "KEPT", 10)
    for number in range(25):
        history.add(over(number))
    assert ids((await history.page(limit=100)).finished) == [f"r{n}" for n in range(24, 14, -1)]


async def test_requests_that_end_together_are_written_together(
    history: RequestHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_history, "WRITE_AFTER_S", 0.02)
    batches: list[int] = []
    insert = request_history._insert
    monkeypatch.setattr(
        request_history,
        "_insert",
        lambda connection, rows: (batches.append(len(rows)), insert(connection, rows)),
    )
    for number in range(40):
        history.add(over(number))
    await asyncio.sleep(0.2)
    assert batches == [40]


async def test_ten_thousand_are_read_quickly(history: RequestHistory) -> None:
    for number in range(10_000):
        history.add(over(number, model=f"m{number % 7}:v"))
    await history.page()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert len((await history.page(limit=500, text="m3:")).finished) == 500
    assert loop.time() - began < 0.5


async def test_a_damaged_file_is_set_aside(file: Path, expect_log: Callable[[str], None]) -> None:
    expect_log("is damaged")
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    history = RequestHistory(Store(file), list)
    history.add(over(1))
    assert ids((await history.page()).finished) == ["r1"]
    await history.close()
    assert file.with_name("store.db.damaged").read_bytes().startswith(b"no database")


async def test_a_file_of_a_newer_spark_is_left_alone(file: Path) -> None:
    file.parent.mkdir()
    with sqlite3.connect(file) as newer:
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    newer.close()
    kept = file.read_bytes()
    history = RequestHistory(Store(file), list)
    with pytest.raises(Unavailable) as refused:
        await history.page()
    assert "newer" in refused.value.message
    await history.close()
    assert file.read_bytes() == kept


async def test_an_older_file_is_brought_up_all_or_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Store(file)
    await first.run(lambda connection: connection.execute("SELECT 1").fetchone())
    await first.close()
    added = (*MIGRATIONS, "CREATE TABLE more (x)", "no SQL at all")
    monkeypatch.setattr(store, "MIGRATIONS", added)
    broken = Store(file)
    with pytest.raises(StoreUnavailable):
        await broken.run(lambda connection: None)
    await broken.close()
    with sqlite3.connect(file) as found:
        assert found.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert found.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone() == (0,)
    found.close()
    monkeypatch.setattr(store, "MIGRATIONS", added[:-1])
    mended = Store(file)
    assert await mended.run(lambda c: c.execute("PRAGMA user_version").fetchone()) == (len(MIGRATIONS) + 1,)
    await mended.close()


async def test_without_a_place_to_write_requests_are_served_and_the_list_says_why(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    history = RequestHistory(Store(tmp_path / "state" / "store.db"), list)
    history.add(over(1))
    with pytest.raises(Unavailable) as refused:
        await history.page()
    assert refused.value.code == "history_unavailable"
    await history.close()
