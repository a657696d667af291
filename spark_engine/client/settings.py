"""The client's calls about the settings."""

from collections.abc import Mapping

from spark_engine.client.calls import Calls
from spark_engine.types.settings import SettingEntry, SettingValue


class SettingsCalls(Calls):
    """What the engine runs with and what its file says."""

    async def settings(self) -> dict[str, SettingEntry]:
        """Every setting by its key (`server.port`), in the order in which people read them."""
        return await self._get(("settings",), dict[str, SettingEntry])

    async def change_settings(self, changes: Mapping[str, SettingValue | None]) -> dict[str, SettingEntry]:
        """Save values by their keys, all or none; None goes back to the default. The settings afterwards."""
        return await self._ask("PUT", ("settings",), dict[str, SettingEntry], dict(changes))
