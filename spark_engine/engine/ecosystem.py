"""The programs Spark belongs with: asked in rounds whether they answer; what they ask of Spark is counted."""

import asyncio
import re
import time
from collections.abc import Callable

from msgspec.structs import replace

from spark_engine.config.load import Config
from spark_engine.engine.callers import Asked
from spark_engine.engine.local_probe import LocalAddress, local_address, probe
from spark_engine.engine.peer_process import PeerFinder
from spark_engine.engine.tally import Tally
from spark_engine.types.ecosystem import MEMBERS, EcosystemMember, NotAsked, Reachable, SwitchedOff


class Ecosystem:
    """`on_change` is told when a row is another one. A request belongs to a program that gave its name (as the key, or
    in its User-Agent), else to the one whose process listens at its address."""

    def __init__(self, config: Config, on_change: Callable[[], None] = lambda: None) -> None:
        self._config, self._on_change = config, on_change
        self._finder = PeerFinder()
        self._tallies = {id: Tally() for id in MEMBERS}
        self._pids: dict[str, int | None] = {}
        self._rows = {id: EcosystemMember(id, name, "") for id, (name, _) in MEMBERS.items()}

    @property
    def members(self) -> tuple[EcosystemMember, ...]:
        """A row per program."""
        return tuple(self._rows.values())

    async def look(self) -> None:
        """One round: ask each of them, all at once."""
        await asyncio.gather(*(self._ask(id) for id in MEMBERS))
        self._on_change()

    def asked(self, asked: Asked) -> None:
        """A request is over: count it for whom it came from, if that is one of them."""
        id = asked.key_name or _named(asked.agent) or self._at(asked.pid)
        if id:
            tally = self._tallies[id]
            tally.add(asked.took_ms, asked.failed)
            self._rows[id] = replace(self._rows[id], usage=tally.usage)
            self._on_change()

    async def _ask(self, id: str) -> None:
        row, address = self._rows[id], local_address(self._config.text(f"ecosystem.{id}"))
        if address is None:
            self._pids.pop(id, None)
            self._rows[id] = replace(row, address="", status=SwitchedOff(), asked_at=None, last_seen=None)
            return
        if str(address) != row.address:
            row = replace(row, address=str(address), status=NotAsked(), last_seen=None)
        status, now = await probe(address), time.time()
        seen = now if isinstance(status, Reachable) else row.last_seen
        usage = self._rows[id].usage
        self._rows[id] = replace(row, status=status, asked_at=now, last_seen=seen, usage=usage)
        if isinstance(status, Reachable):
            await self._find_process(id, address)
        else:
            self._pids.pop(id, None)

    async def _find_process(self, id: str, address: LocalAddress) -> None:
        self._pids[id] = await asyncio.to_thread(self._finder.listener, address.port)

    def _at(self, pid: int | None) -> str:
        """Which of them a process is."""
        return next((id for id, known in self._pids.items() if pid is not None and known == pid), "")


def _named(agent: str) -> str:
    """Which of them a User-Agent (`Forge/1.2`, `ozone-studio`) names; empty for none."""
    product = re.split(r"[/ (]", agent.strip().lower().replace("ozone studio", "ozone_studio"))[0]
    name = product.replace("-", "_")
    return name if name in MEMBERS else ""
