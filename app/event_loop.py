"""Qt's event loop for coroutines, as all of the window runs on."""

import asyncio
from collections.abc import Callable
from typing import Any

import qasync


class EventLoop(qasync.QEventLoop):
    """qasync's, that does not tell a future what its waiter gave up waiting for: Qt may have found a socket ready just
    then, and anyio waits for sockets by a future's `set_result`, which would fail and be logged as an error."""

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        """As asyncio's."""
        super().add_reader(fd, _unless_done(callback), *args)

    def add_writer(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:
        """As asyncio's."""
        super().add_writer(fd, _unless_done(callback), *args)


def _unless_done(callback: Callable[..., Any]) -> Callable[..., Any]:
    future = getattr(callback, "__self__", None)
    if not isinstance(future, asyncio.Future):
        return callback
    return lambda *args: None if future.done() else callback(*args)
