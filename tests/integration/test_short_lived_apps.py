"""Programs that leave as soon as they have their answer are recognised all the same, and no answer begins later."""

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from spark_engine.engine import callers
from spark_engine.engine.peer_process import PeerFinder
from spark_engine.paths import BaseDir
from spark_engine.types.apps import Peer
from tests.integration.test_apps import entry
from tests.support.client_program import copy_of_python
from tests.support.real_engine import serving_card
from tests.support.scripted_engine import Api
from tests.support.served import ECHO_CARD

LEAVES = """
import os, socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection.sendall(sys.argv[2].encode())
got = b""
while sys.argv[3].encode() not in got:
    more = connection.recv(65536)
    if not more:
        sys.exit(got)
    got += more
os._exit(0)
"""


@pytest.fixture
async def api(base: BaseDir) -> AsyncIterator[Api]:
    async with serving_card(base, ECHO_CARD) as served:
        yield served


def request(port: int, *, stream: bool) -> str:
    body = json.dumps(
        {"model": "echo", "stream": stream, "messages": [{"role": "user", "content": "two words"}]}
    )
    head = f"Host: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n\r\n{body}"


@pytest.mark.parametrize(("stream", "end"), [(False, '"usage"'), (True, "data: [DONE]")])
async def test_a_program_that_leaves_with_its_answer_is_known(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool, end: str
) -> None:
    find, known, at_the_end = PeerFinder.find, callers.Call.known, threading.Event()

    def late(self: PeerFinder, peer: Peer) -> int | None:
        at_the_end.wait(5)
        return find(self, peer)

    async def noticed(self: callers.Call) -> None:
        at_the_end.set()
        await known(self)

    monkeypatch.setattr(callers.Call, "known", noticed)
    monkeypatch.setattr(PeerFinder, "find", late)
    monkeypatch.setattr(callers, "TOLD_WITHIN_S", 10.0)
    program = copy_of_python(tmp_path / "bin", "hasty")
    process = await asyncio.create_subprocess_exec(
        str(program), "-c", LEAVES, str(api.port), request(api.port, stream=stream), end,
        env={**os.environ, "PYTHONHOME": sys.base_prefix},
    )  # fmt: skip
    assert await process.wait() == 0
    app = await entry(api, lambda app: app.usage.requests == 1)
    assert (app.name, app.path) == ("hasty", str(program))


async def test_the_first_words_do_not_wait_for_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    find, may_look = PeerFinder.find, threading.Event()

    def held(self: PeerFinder, peer: Peer) -> int | None:
        assert may_look.wait(10)
        return find(self, peer)

    monkeypatch.setattr(PeerFinder, "find", held)
    monkeypatch.setattr(callers, "TOLD_WITHIN_S", 10.0)
    with socket.create_connection(("127.0.0.1", api.port)) as connection:
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, request(api.port, stream=True).encode())
        got = b""
        for words in (b'"content":"t', b"[DONE]"):
            while words not in got:
                more = await asyncio.wait_for(loop.sock_recv(connection, 65536), 10)
                assert more, got
                got += more
            if not may_look.is_set():
                assert b"[DONE]" not in got
                may_look.set()
