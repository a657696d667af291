"""Where programs of each platform keep their data, settings and caches."""

from pathlib import Path

from spark_engine.catalog.stores.found import Environment


def absolute_folder(text: str) -> Path | None:
    """A folder that another program's settings or the environment names; None unless it is absolute."""
    path = Path(text.strip())
    return path if "\0" not in text and text.strip() and path.is_absolute() else None


def cache_folder(home: Path, environment: Environment, platform: str) -> Path:
    """Where programs of this platform keep what can be fetched again."""
    if platform == "win32":
        return absolute_folder(environment.get("LOCALAPPDATA", "")) or home / "AppData" / "Local"
    if platform == "darwin":
        return home / "Library" / "Caches"
    return absolute_folder(environment.get("XDG_CACHE_HOME", "")) or home / ".cache"


def data_folder(home: Path, environment: Environment, platform: str, *, local: bool = False) -> Path:
    """Where programs of this platform keep their data. `local`: on Windows the part that stays on the machine."""
    if platform == "win32":
        variable, name = ("LOCALAPPDATA", "Local") if local else ("APPDATA", "Roaming")
        return absolute_folder(environment.get(variable, "")) or home / "AppData" / name
    if platform == "darwin":
        return home / "Library" / "Application Support"
    return absolute_folder(environment.get("XDG_DATA_HOME", "")) or home / ".local" / "share"


def settings_folder(home: Path, environment: Environment, platform: str) -> Path:
    """Where programs of this platform keep their settings."""
    if platform in ("win32", "darwin"):
        return data_folder(home, environment, platform)
    return absolute_folder(environment.get("XDG_CONFIG_HOME", "")) or home / ".config"
