"""Start at login on Linux and other XDG desktops: an entry in the user's autostart folder."""

import re
from pathlib import Path

from spark_engine.paths import resources
from spark_engine.records import write_whole

NAME = "spark.desktop"
_HEAD = "[Desktop Entry]"
_SPECIAL = re.compile(r'(["`$\\])')
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")


class AutostartEntry:
    """`folder` is `$XDG_CONFIG_HOME/autostart`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / NAME

    def is_on(self) -> bool:
        """Whether the entry is there, not switched off by the desktop, and names a program that exists."""
        try:
            entry = fields(self.file.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            return False
        off = entry.get("Hidden") == "true" or entry.get("X-GNOME-Autostart-enabled") == "false"
        return not off and Path(entry.get("TryExec", "")).is_file()

    def write(self, command: list[str]) -> None:
        """Write the entry; what the desktop had switched off is on again."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self.file, desktop_entry(command).encode())

    def remove(self) -> None:
        """Delete the entry."""
        self.file.unlink(missing_ok=True)


def desktop_entry(command: list[str]) -> str:
    """The file's text. `command` may have spaces and signs that a desktop would read otherwise."""
    lines = {
        "Type": "Application",
        "Version": "1.0",
        "Name": "Spark",
        "Comment": "Serves this machine's language models",
        "TryExec": as_value(command[0]),
        "Exec": as_value(" ".join(map(quoted, command))),
        "Icon": as_value(str(resources() / "icons" / "spark.svg")),
        "Terminal": "false",
        "StartupNotify": "false",
        "X-GNOME-Autostart-enabled": "true",
    }
    return "\n".join([_HEAD, *(f"{key}={value}" for key, value in lines.items())]) + "\n"


def quoted(argument: str) -> str:
    """An argument as an Exec line has it: in double quotes where it is more than plain signs; `%` begins a field."""
    if _PLAIN.fullmatch(argument):
        return argument
    return '"' + _SPECIAL.sub(r"\\\1", argument).replace("%", "%%") + '"'


def as_value(text: str) -> str:
    """A text as the value of a key: every backslash is doubled once more."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def fields(text: str) -> dict[str, str]:
    """The keys of the entry's own group, with their values as text."""
    found: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == _HEAD
        elif inside and not line.startswith("#") and "=" in line:
            key, _, value = line.partition("=")
            found[key.strip()] = value.strip().replace("\\\\", "\\")
    return found
