"""The settings of the running engine: what it runs with, what its file says, and changes that hold at once."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from spark_engine.config.load import Config, Resolved
from spark_engine.config.save import checked_changes, save_settings, saved_settings
from spark_engine.config.schema import SECTIONS, SETTINGS, Setting, SettingValue, setting
from spark_engine.engine.bus import Bus
from spark_engine.errors import Conflict, SparkError
from spark_engine.paths import BaseDir
from spark_engine.types.settings import SettingEntry, parsed
from spark_engine.types.state import SettingsChanged

Effects = Mapping[str, Callable[[], None]]


class SettingsDesk:
    """`effects`: what has to be done when a setting changed, by its key or (`models.`) by its section; whoever asks the
    settings each time needs none."""

    def __init__(self, config: Config, base: BaseDir, bus: Bus, effects: Effects) -> None:
        self._config, self._file, self._bus, self._effects = config, base.settings_file, bus, effects
        self._one_at_a_time = asyncio.Lock()

    async def entries(self) -> dict[str, SettingEntry]:
        """Every setting, in the order of the list. See `EngineSettings.entries`."""
        saved: dict[str, Any] = {}
        with contextlib.suppress(SparkError):  # what the file would say cannot be known; saving will tell why
            saved = await asyncio.to_thread(saved_settings, self._file)
        return {known.key: self._entry(known, saved.get(known.key)) for known in SETTINGS}

    async def change(self, changes: Mapping[str, Any]) -> dict[str, SettingEntry]:
        """Save changes and let those hold at once that can. See `EngineSettings.change`."""
        wanted = checked_changes(changes)
        for key in wanted:
            self._refuse_locked(setting(key))
        async with self._one_at_a_time:
            await asyncio.to_thread(save_settings, self._file, wanted)
            self._put(wanted)
        self._bus.publish(SettingsChanged(self._bus.state.settings_changes + 1))
        return await self.entries()

    def _put(self, wanted: Mapping[str, SettingValue | None]) -> None:
        """Let the engine run with what holds without a restart, and do what follows from it, once each."""
        held = [key for key in wanted if setting(key).effect != "restart"]
        for key in held:
            value = wanted[key]
            default = Resolved(setting(key).default, "default")
            self._config.values[key] = default if value is None else Resolved(value, "file")
        for place, effect in self._effects.items():
            if any(key == place or key.startswith(place) for key in held):
                effect()

    def _refuse_locked(self, known: Setting) -> None:
        if where := self._where(known):
            raise Conflict(
                "setting_locked",
                "This setting is set elsewhere",
                f"{known.key} is set by {where}, which stands over the settings file.",
                "Change it there and start the engine again.",
                param=known.key,
            )

    def _entry(self, known: Setting, raw: Any) -> SettingEntry:
        current = self._config.values[known.key]
        group = SECTIONS.get(known.section, known.section.capitalize())
        return SettingEntry(
            current.value, current.origin, known, group, _sound(known, raw), self._where(known)
        )

    def _where(self, known: Setting) -> str:
        """What stands over the file, in words; empty: nothing does."""
        match self._config.values[known.key].origin:
            case "environment":
                return f"the environment variable {known.env}"
            case "argument":
                return "an argument of `spark serve`"
            case _:
                return ""


def _sound(known: Setting, raw: Any) -> SettingValue | None:
    """What the file says of a setting; None where it says nothing that counts."""
    try:
        return None if raw is None else parsed(known, raw)
    except ValueError:
        return None
