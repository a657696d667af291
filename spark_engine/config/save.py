"""Changes values in `spark.toml` and leaves everything else in it as it is: comments, order, keys of others."""

import os
import stat
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from spark_engine.config.schema import Setting, SettingValue, setting
from spark_engine.errors import Conflict, InvalidRequest, Unavailable
from spark_engine.records import write_whole
from spark_engine.types.settings import parsed


def checked_changes(changes: Mapping[str, Any]) -> dict[str, SettingValue | None]:
    """The changes in the settings' own types, None where one goes back to its default. InvalidRequest with the key."""
    return {key: None if raw is None else _checked(_known(key), raw) for key, raw in changes.items()}


def save_settings(file: Path, changes: Mapping[str, SettingValue | None]) -> None:
    """Write changed values (None: the line goes) in one step. Conflict when the file is no TOML, Unavailable when it
    cannot be written; it is as it was then."""
    target = file.resolve()  # the file may be a link into somebody's dotfiles, and stays one
    document = _read(target)
    for key, value in changes.items():
        section, _, name = key.partition(".")
        if value is None:
            _drop(document, section, name)
        else:
            _put(document, section, name, value)
    _write(target, tomlkit.dumps(document))


def saved_settings(file: Path) -> dict[str, Any]:
    """What the file says, by key, unchecked; nothing when there is none. Conflict when it is no TOML."""
    document = _read(file.resolve()).unwrap()
    return {
        f"{s}.{n}": v
        for s, entries in document.items()
        if isinstance(entries, dict)
        for n, v in entries.items()
    }


def _known(key: str) -> Setting:
    try:
        return setting(key)
    except KeyError:
        raise InvalidRequest(
            "unknown_setting",
            "No such setting",
            f"There is no setting {key[:100]!r}.",
            "`spark config show` lists every setting.",
            param=key[:100],
        ) from None


def _checked(known: Setting, raw: Any) -> SettingValue:
    try:
        return parsed(known, raw)
    except ValueError:
        raise InvalidRequest(
            "bad_setting",
            "A setting is wrong",
            f"{known.key} must be {known.demand}.",
            f"{known.sentence} Its default is {known.default!r}.",
            param=known.key,
        ) from None


def _read(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise Conflict(
            "settings_unreadable",
            "The settings file cannot be read",
            f"{file}: {error}",
            f"Correct {file}, or move it away; then save again.",
        ) from error


def _put(document: tomlkit.TOMLDocument, section: str, name: str, value: SettingValue) -> None:
    if not isinstance(document.get(section), MutableMapping):
        document[section] = tomlkit.table()
    document[section][name] = value


def _drop(document: tomlkit.TOMLDocument, section: str, name: str) -> None:
    table = document.get(section)
    if isinstance(table, MutableMapping) and name in table:
        del table[name]


def _write(file: Path, text: str) -> None:
    try:
        mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else None
        write_whole(file, text.encode())
        if mode is not None:
            os.chmod(file, mode)
    except OSError as error:
        raise Unavailable(
            "settings_not_saved",
            "The settings could not be saved",
            f"{file} cannot be written: {error}.",
            "Make room on the disk, or correct the folder's permissions.",
        ) from error
