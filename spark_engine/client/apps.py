"""The client's calls about the programs that use Spark, and about its health."""

from spark_engine.client.calls import Calls
from spark_engine.types.apps import AppEntry, AppRank
from spark_engine.types.health import HealthReport


class AppCalls(Calls):
    """Who asks, what their owner decides, and whether all is well."""

    async def apps(self) -> dict[str, AppEntry]:
        """The programs that have asked something, by id."""
        return await self._get(("apps",), dict[str, AppEntry])

    async def pause_serving(self) -> None:
        """Let every program's new requests wait."""
        await self._post("pause")

    async def resume_serving(self) -> None:
        """Let requests that wait go on."""
        await self._post("resume")

    async def pause_app(self, id: str) -> None:
        """Let an app's requests wait."""
        await self._post("apps", id, "pause")

    async def resume_app(self, id: str) -> None:
        """Let the requests of a paused app go on."""
        await self._post("apps", id, "resume")

    async def block_app(self, id: str) -> None:
        """Refuse an app's requests."""
        await self._post("apps", id, "block")

    async def unblock_app(self, id: str) -> None:
        """Let a blocked app ask again."""
        await self._post("apps", id, "unblock")

    async def rank_app(self, id: str, rank: AppRank) -> None:
        """Say whose requests go first."""
        await self._post("apps", id, "rank", json={"rank": rank})

    async def health(self) -> HealthReport:
        """Whether the API can answer, every problem that stands, and each part of Spark and its ecosystem."""
        return await self._get(("health",), HealthReport)

    async def check_health(self) -> HealthReport:
        """As `health`, after everything was looked at anew; takes about a second."""
        return await self._ask("POST", ("health", "check"), HealthReport)
