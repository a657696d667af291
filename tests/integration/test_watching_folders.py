"""The watch says when models come and go, notices folders that appear later, and costs next to nothing while idle."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from spark_engine.engine import watching_folders
from spark_engine.engine.watching_folders import FolderWatch
from spark_engine.tasks import cancel_and_wait, create_task


@asynccontextmanager
async def watching(*folders: Path) -> AsyncIterator[asyncio.Event]:
    changed = asyncio.Event()
    task = create_task(FolderWatch(lambda: folders, changed.set).run(), name="watch")
    await asyncio.sleep(0.3)
    try:
        yield changed
    finally:
        await cancel_and_wait(task)


async def happened(changed: asyncio.Event, within: float = 10) -> bool:
    try:
        async with asyncio.timeout(within):
            await changed.wait()
    except TimeoutError:
        return False
    changed.clear()
    return True


async def test_what_is_added_changed_and_deleted_is_noticed(tmp_path: Path) -> None:
    async with watching(tmp_path, tmp_path / "missing") as changed:
        (tmp_path / "org" / "model").mkdir(parents=True)
        assert await happened(changed)
        file = tmp_path / "org" / "model" / "m.gguf"
        file.write_bytes(b"GGUF")
        assert await happened(changed)
        file.write_bytes(b"GGUF more")
        assert await happened(changed)
        file.rename(file.with_name("n.gguf"))
        assert await happened(changed)
        file.with_name("n.gguf").unlink()
        assert await happened(changed)


async def test_what_is_still_being_fetched_is_not_a_change(tmp_path: Path) -> None:
    async with watching(tmp_path) as changed:
        for name in ("m.gguf.part", "x.incomplete", ".hidden", "incomplete-m.gguf", "y.lock"):
            (tmp_path / name).write_bytes(b"x")
        assert not await happened(changed, 1.5)
        (tmp_path / "m.gguf.part").rename(tmp_path / "m.gguf")
        assert await happened(changed)


async def test_many_changes_at_once_are_told_once(tmp_path: Path) -> None:
    calls: list[float] = []
    task = create_task(
        FolderWatch(lambda: [tmp_path], lambda: calls.append(time.monotonic())).run(), name="watch"
    )
    await asyncio.sleep(0.3)
    for number in range(50):
        (tmp_path / f"{number}.gguf").write_bytes(b"GGUF")
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.5)
    await cancel_and_wait(task)
    assert 1 <= len(calls) <= 2


async def test_a_folder_that_appears_later_is_watched_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_folders, "LOOK_AGAIN_MS", 600)
    (tmp_path / "here").mkdir()
    for folders in ([tmp_path / "later"], [tmp_path / "here", tmp_path / "later too"]):
        async with watching(*folders) as changed:
            folders[-1].mkdir()
            assert await happened(changed)
            await asyncio.sleep(0.5)
            (folders[-1] / "m.gguf").write_bytes(b"GGUF")
            assert await happened(changed)


async def test_a_folder_that_is_made_anew_is_watched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching_folders, "LOOK_AGAIN_MS", 600)
    folder = tmp_path / "store"
    folder.mkdir()
    async with watching(folder) as changed:
        folder.rename(tmp_path / "old")
        folder.mkdir()
        assert await happened(changed)
        await asyncio.sleep(0.8)
        changed.clear()
        (folder / "m.gguf").write_bytes(b"GGUF")
        assert await happened(changed)


@pytest.mark.parametrize("error", [OSError(28, "inotify watch limit reached"), RuntimeError("cannot watch")])
async def test_a_system_that_cannot_watch_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expect_log: Callable[[str], None], error: Exception
) -> None:
    async def refuse(*_: object, **__: object) -> AsyncIterator[object]:
        raise error
        yield

    expect_log("folders of models are not watched any more: .*(limit|cannot)")
    monkeypatch.setattr(watching_folders, "awatch", refuse)
    async with asyncio.timeout(5):
        await FolderWatch(lambda: [tmp_path], lambda: None).run()


async def test_the_end_comes_at_once(tmp_path: Path) -> None:
    task = create_task(FolderWatch(lambda: [tmp_path], lambda: None).run(), name="watch")
    await asyncio.sleep(0.3)
    before = time.monotonic()
    await cancel_and_wait(task)
    assert time.monotonic() - before < 1.5


async def test_an_idle_watch_costs_nothing_to_speak_of(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"folder{number}").mkdir()
    async with watching(tmp_path):
        before = time.process_time()
        await asyncio.sleep(3)
        spent = time.process_time() - before
    assert spent / 3 < 0.01, f"{spent / 3:.2%} of a core"
