"""`spark config set` and `unset`: through the engine while one runs, so that it knows at once; else in the file."""

import os
from typing import Annotated

import typer

from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import marked
from spark_engine.client.endpoint import read_endpoint
from spark_engine.config.load import load_config
from spark_engine.config.save import checked_changes, save_settings
from spark_engine.config.schema import SettingValue, setting
from spark_engine.errors import Unavailable
from spark_engine.types.settings import SettingEntry

Key = Annotated[str, typer.Argument(metavar="KEY", help="A setting, as in `log.level`.")]


def set_value(
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Its new value.")],
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Save a value in the settings file; what can holds at once."""
    run(Shell(json, base_dir), lambda shell: _change(shell, key, value))


def unset(key: Key, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Take a value out of the settings file; the default holds again."""
    run(Shell(json, base_dir), lambda shell: _change(shell, key, None))


async def _change(shell: Shell, key: str, raw: str | None) -> None:
    changes = checked_changes({key: raw})
    told = await _through_engine(shell, changes)
    entry = told or _in_file(shell, changes)
    if shell.terminal.json:
        shell.terminal.tell({"key": key, "value": entry.wanted, "restart": entry.waits_for_restart})
        return
    shell.terminal.say(marked("ok", f"{key} is {_shown(entry.wanted)} {entry.setting.unit}".rstrip()))
    shell.terminal.note(_effect(entry, running=told is not None))


async def _through_engine(shell: Shell, changes: dict[str, SettingValue | None]) -> SettingEntry | None:
    """The setting afterwards; None when no engine runs."""
    if read_endpoint(shell.base) is None:
        return None
    async with shell.client() as client:
        try:
            changed = await client.change_settings(changes)
        except Unavailable as error:
            if error.code == "engine_unreachable":
                return None
            raise
    return changed[next(iter(changes))]


def _in_file(shell: Shell, changes: dict[str, SettingValue | None]) -> SettingEntry:
    shell.base.create()
    save_settings(shell.base.settings_file, changes)
    ((key, saved),) = changes.items()
    current = load_config(shell.base.settings_file, os.environ).values[key]
    where = f"the environment variable {setting(key).env}" if current.origin == "environment" else ""
    return SettingEntry(current.value, current.origin, setting(key), saved=saved, where=where)


def _effect(entry: SettingEntry, *, running: bool) -> str:
    if entry.is_locked:
        return f"It has no effect yet: {entry.where} stands over the file."
    if not running:
        return "It holds when the engine starts."
    if entry.waits_for_restart:
        return "It takes effect when the engine starts again: `spark stop`, then `spark serve` or the app."
    if entry.setting.effect == "load":
        return "It takes effect when a model is loaded the next time."
    return "It is in effect."


def _shown(value: SettingValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'
