"""The app and its engine when only what is between them breaks: the same engine is followed again at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.link import Connected, Lost
from spark_engine.client.endpoint import read_endpoint, write_endpoint
from spark_engine.client.process import start_engine
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from tests.gui.conftest import running, until
from tests.gui.test_real_engine import echo_base, engine_pid

__all__ = ["echo_base"]


class Wire:
    """A socket in front of the engine's own, which can be cut."""

    def __init__(self, behind: str, path: Path) -> None:
        self._behind, self._path = behind, path
        self._tasks: set[asyncio.Task[None]] = set()

    async def carry(self) -> None:
        server = await asyncio.start_unix_server(self._join, str(self._path))
        async with server:
            await server.serve_forever()

    async def cut(self) -> None:
        await cancel_and_wait(*self._tasks)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await asyncio.open_unix_connection(self._behind)
        except OSError:
            writer.transport.abort()
            return
        for source, sink in ((reader, other_writer), (other_reader, writer)):
            task = create_task(_copy(source, sink), name="wire")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):  # an end that was cut
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
    finally:
        with suppress(Exception):
            sink.transport.abort()


@asynccontextmanager
async def wired(base: BaseDir, path: Path) -> AsyncIterator[Wire]:
    """The engine of `base` behind a wire from now on."""
    endpoint = read_endpoint(base)
    assert endpoint is not None
    wire = Wire(endpoint.socket, path)
    carrying = create_task(wire.carry(), name="wire")
    await until(path.exists)
    write_endpoint(base, replace(endpoint, socket=str(path)))
    try:
        yield wire
    finally:
        write_endpoint(base, endpoint)
        await wire.cut()
        await cancel_and_wait(carrying)


@pytest.mark.slow
async def test_a_cut_stream_is_followed_again_at_once(
    echo_base: BaseDir, qtbot: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    engine = await start_engine(echo_base)
    try:
        async with (
            wired(echo_base, tmp_path_factory.mktemp("w") / "s") as wire,
            running(echo_base, qtbot) as desktop,
        ):
            links: list[type] = []
            desktop.store.link_changed.connect(lambda: links.append(type(desktop.store.link)))
            for _ in range(2):
                await wire.cut()
                await until(lambda: links and links[-1] is not Connected, 5, "the app notices")
                await until(lambda: desktop.store.live is not None, 5, "it is connected again")
            assert engine_pid(desktop) == engine.endpoint.pid
            assert Lost not in links, "the engine never ended"
            assert not any(notice.id == "engine" for notice in desktop.board.notices)
        assert engine.is_running
    finally:
        await engine.stop()
