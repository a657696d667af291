"""What people chose for the window itself, whatever the engine does; remembered between runs."""

from typing import Literal

from msgspec import Struct

from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record

ThemeChoice = Literal["system", "light", "dark"]


class Preferences(Struct, frozen=True, omit_defaults=True):
    """`theme`: light, dark, or whichever the system has."""

    theme: ThemeChoice = "system"

    @property
    def forced_theme(self) -> str | None:
        """The theme whatever the system says; None follows the system."""
        return None if self.theme == "system" else self.theme


def read_preferences(base: BaseDir) -> Preferences:
    """What was chosen; the defaults where nothing was, or where the file cannot be read."""
    return read_record(base.state / "window.json", Preferences, Preferences())


def keep_preferences(base: BaseDir, chosen: Preferences) -> None:
    """Remember it. OSError when it cannot be written."""
    write_record(base.state / "window.json", chosen)
