"""Who asks: the other end of a connection, from its first request until its program is known and beyond."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from spark_engine.engine.app_record import RANKS, App
from spark_engine.types.apps import Peer

CLIENT_LEFT = 499
RULED_WITHIN_S, TOLD_WITHIN_S = 1.0, 0.05
"""How long a request waits for its program to be known: where an app has rules, and before its answer's end."""


class Asked(Struct, frozen=True):
    """A request that is over. `pid` None: the process is unknown. `took_ms` None: its client left early."""

    pid: int | None
    agent: str
    key_name: str
    took_ms: float | None
    failed: bool


class Desk(Protocol):
    """What a caller asks its apps' desk."""

    async def admit(self, caller: "Caller") -> None:
        """AppRefused when its app is blocked."""

    async def begin(self, caller: "Caller", agent: str, key_name: str) -> "Call":
        """A request begins."""
        ...


class Caller:
    """One connection, or (without a `peer`) somebody who uses the engine directly under the name `key`.

    Its program is looked up beside its first request, which waits for that only where it matters.
    """

    def __init__(self, key: str, peer: Peer | None = None, desk: Desk | None = None) -> None:
        self.key, self.peer, self._desk = key, peer, desk
        self.agent = ""
        self.pid: int | None = None
        self.app: App | None = None
        self.failed = self.sought = False
        self._known = asyncio.Event()
        self._when_known: list[Callable[[App], None]] = []

    async def begin(self, agent: str, key_name: str = "") -> "Call":
        """A request begins. See `AppConnection.begin`."""
        assert self._desk is not None
        return await self._desk.begin(self, agent, key_name)

    async def admit(self) -> None:
        """Somebody looks at what there is. See `AppConnection.admit`."""
        assert self._desk is not None
        await self._desk.admit(self)

    @property
    def name(self) -> str:
        """What people are shown now."""
        if self.app is None:
            return self.agent or (self.key if self.peer is None else "Unknown program")
        if not self.app.program.path and self.agent:
            return f"{self.app.program.name} ({self.agent})"
        return self.app.program.name

    @property
    def client(self) -> str:
        """Under which name its share of the machine is counted."""
        return self.app.program.id if self.app is not None else self.key

    def recognised(self, app: App, pid: int | None) -> None:
        """Its program is known now."""
        self.app, self.pid = app, pid
        self._known.set()
        waiting, self._when_known = self._when_known, []
        for told in waiting:
            told(app)

    def then(self, told: Callable[[App], None]) -> None:
        """Call `told` with its app, now or when that is known."""
        if self.app is not None:
            told(self.app)
        elif self.peer is not None:
            self._when_known.append(told)

    async def known(self, within_s: float) -> None:
        """Wait until its program is known, but not for longer than that."""
        if self.sought and not self._known.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._known.wait()

    @property
    def later(self) -> int:
        """What its app's rank adds to a request's priority."""
        return RANKS[self.app.rank] if self.app is not None else 0

    @property
    def held(self) -> bool:
        """Whether its app is paused."""
        return self.app is not None and self.app.paused

    async def let_through(self, request_id: str) -> None:
        """Wait while its app is paused."""
        if self.app is not None:
            await self.app.gate.let_through(request_id)


class Call:
    """One request of a caller. `client` is what the request is to carry."""

    def __init__(self, caller: Caller, key_name: str, ended: Callable[[Caller, Asked], None]) -> None:
        self.client = caller.key
        self._caller, self._key_name, self._ended = caller, key_name, ended
        self._agent, self._began = caller.agent, time.perf_counter()
        caller.failed = False

    async def known(self) -> None:
        """See `AppCall.known`."""
        await self._caller.known(TOLD_WITHIN_S)

    def end(self, status: int) -> None:
        """It was answered with this HTTP status, to the end."""
        caller = self._caller
        took = None if status == CLIENT_LEFT else (time.perf_counter() - self._began) * 1000
        failed = caller.failed or (status >= 400 and status != CLIENT_LEFT)

        def tell(app: App) -> None:
            self._ended(caller, Asked(caller.pid, self._agent, self._key_name, took, failed))

        caller.then(tell)
