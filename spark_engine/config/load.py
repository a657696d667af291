"""Reads the settings: defaults < file < environment < arguments, and keeps where each value came from."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from spark_engine.config.schema import SETTINGS, Setting, SettingValue, setting
from spark_engine.errors import StartRefused
from spark_engine.types.settings import Origin, parsed


class Resolved(Struct, frozen=True):
    """One setting's value and where it came from."""

    value: SettingValue
    origin: Origin


class Config(Struct, frozen=True):
    """Every setting, resolved. The engine puts a changed value in its place here, so whoever asks anew finds it."""

    values: dict[str, Resolved]

    def __getitem__(self, key: str) -> Any:
        """The value of `section.name`."""
        return self.values[key].value

    def integer(self, key: str) -> int:
        """The value of an integer setting."""
        return int(self.values[key].value)

    def text(self, key: str) -> str:
        """The value of a text setting."""
        return str(self.values[key].value)

    def flag(self, key: str) -> bool:
        """The value of a yes/no setting."""
        return bool(self.values[key].value)


def load_config(
    file: Path, environ: Mapping[str, str] = os.environ, arguments: Mapping[str, SettingValue] | None = None
) -> Config:
    """All settings; StartRefused with the key, the value and what is allowed when one is wrong."""
    values = {s.key: Resolved(s.default, "default") for s in SETTINGS}
    for key, raw in _from_file(file).items():
        values[key] = Resolved(_checked(_known(key, file), raw, str(file)), "file")
    for known in SETTINGS:
        if known.env in environ:
            values[known.key] = Resolved(_checked(known, environ[known.env], known.env), "environment")
    for key, raw in (arguments or {}).items():
        values[key] = Resolved(_checked(setting(key), raw, "argument"), "argument")
    return Config(values)


def _from_file(file: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _refused(f"{file} cannot be read: {error}.", f"Correct {file}, or move it away.") from error
    return {f"{section}.{name}": v for section, entries in table.items() for name, v in _entries(entries)}


def _entries(section: Any) -> list[tuple[str, Any]]:
    return list(section.items()) if isinstance(section, dict) else [("", section)]


def _known(key: str, file: Path) -> Setting:
    try:
        return setting(key)
    except KeyError:
        hint = "`spark config show` lists every setting."
        raise _refused(f"{file} sets {key.rstrip('.')!r}, which is no setting.", hint) from None


def _checked(known: Setting, raw: Any, source: str) -> SettingValue:
    """`raw` in the setting's own type and range; text is converted, as the environment has only text."""
    try:
        return parsed(known, raw)
    except ValueError:
        message = f"{source}: {known.key} is {raw!r}, but must be {known.demand}."
        raise _refused(message, f"Correct {known.key}.") from None


def _refused(message: str, remedy: str) -> StartRefused:
    return StartRefused("bad_setting", "A setting is wrong", message, remedy)
