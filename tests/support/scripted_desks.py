"""Requests, logs and settings of the scripted engine: three requests that are over, two lines, the real rules."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from spark_engine.config.save import checked_changes
from spark_engine.config.schema import SETTINGS
from spark_engine.errors import NotFound
from spark_engine.types.logs import LogLine, LogPage
from spark_engine.types.requests import RequestEntry, RequestPage, is_meant
from spark_engine.types.settings import SettingEntry

OVER = tuple(
    RequestEntry(f"req-{n}", "actor:plain", "finished", "app", 10.0 * n, 10.0 * n + 1) for n in (3, 2, 1)
)
LINES = (
    LogLine(1, 1.0, "engine", "info", "spark_engine.x", "hello"),
    LogLine(2, 2.0, "runner", "error", "actor:plain", "boom"),
)


class ScriptedRequests:
    """Satisfies `RequestList`."""

    async def page(self, *, before: str = "", limit: int = 100, text: str = "") -> RequestPage:
        ids = [entry.id for entry in OVER]
        if before and before not in ids:
            raise NotFound("request_not_found", "No such request", "It is not in the list.", param="before")
        found = [e for e in OVER[ids.index(before) + 1 if before else 0 :] if is_meant(e, text)]
        return RequestPage((), tuple(found[:limit]), found[limit - 1].id if len(found) > limit else "")


class ScriptedLogs:
    """Satisfies `EngineLogs`."""

    async def page(self, after: int = 0, limit: int = 5000) -> LogPage:
        return LogPage(tuple(line for line in LINES if line.number > after)[-limit:], LINES[-1].number)

    async def follow(self, after: int = 0, limit: int = 5000) -> AsyncGenerator[LogPage, None]:
        yield await self.page(after, limit)


class ScriptedSettings:
    """Satisfies `EngineSettings`; everything holds at once and lasts as long as the engine."""

    def __init__(self) -> None:
        self.changed: dict[str, Any] = {}

    async def entries(self) -> dict[str, SettingEntry]:
        values = {s.key: self.changed.get(s.key, s.default) for s in SETTINGS}
        return {s.key: SettingEntry(values[s.key], "default", s) for s in SETTINGS}

    async def change(self, changes: Mapping[str, Any]) -> dict[str, SettingEntry]:
        self.changed |= {key: value for key, value in checked_changes(changes).items() if value is not None}
        return await self.entries()
