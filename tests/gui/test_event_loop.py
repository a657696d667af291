"""Qt's loop says when a socket is ready to whoever still waits for that."""

import asyncio
import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


async def test_a_waiter_is_told(pair: tuple[socket.socket, socket.socket]) -> None:
    loop = asyncio.get_running_loop()
    readable, writable = loop.create_future(), loop.create_future()
    loop.add_reader(pair[0], readable.set_result, None)
    loop.add_writer(pair[0], writable.set_result, None)
    pair[1].send(b"a")
    try:
        assert await asyncio.wait_for(asyncio.gather(readable, writable), 10) == [None, None]
    finally:
        loop.remove_reader(pair[0])
        loop.remove_writer(pair[0])


async def test_who_has_given_up_is_not_told_and_nothing_is_logged(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    loop = asyncio.get_running_loop()
    given_up, told = loop.create_future(), asyncio.Event()
    given_up.cancel()
    loop.add_reader(pair[0], given_up.set_result, None)
    loop.add_writer(pair[0], given_up.set_result, None)
    loop.add_reader(pair[1], told.set)
    pair[1].send(b"a")
    pair[0].send(b"b")
    try:
        await asyncio.wait_for(told.wait(), 10)
        await asyncio.sleep(0.1)
        assert given_up.cancelled()
    finally:
        for remove in (loop.remove_reader, loop.remove_writer):
            remove(pair[0])
        loop.remove_reader(pair[1])
