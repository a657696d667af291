"""Start at login on Windows: a value of the user's Run key, and whether the Task Manager switched it off."""

import importlib
import os
import subprocess
from pathlib import Path
from typing import Any

from spark_engine.errors import Unavailable

RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
NAME = "Spark"
LONGEST = 260
"""Characters; Windows does not start what is longer."""


class RunKey:
    """`registry` is the module `winreg`."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    @classmethod
    def of_user(cls) -> "RunKey":
        """The key of the user who runs this."""
        return cls(importlib.import_module("winreg"))

    def is_on(self) -> bool:
        """Whether the value names a program that exists, and nobody switched it off in the Task Manager (an odd first
        byte there)."""
        approved, line = self._value(APPROVED), self._value(RUN)
        off = isinstance(approved, bytes) and bool(approved) and bool(approved[0] & 1)
        return isinstance(line, str) and not off and Path(started_by(line)).is_file()

    def write(self, command: list[str]) -> None:
        """Write the value; what was switched off is on again. Unavailable when it is longer than Windows allows."""
        line = subprocess.list2cmdline(command)
        if len(line) > LONGEST:
            raise _too_long(len(line))
        registry = self._registry
        with registry.CreateKeyEx(registry.HKEY_CURRENT_USER, RUN, 0, registry.KEY_SET_VALUE) as key:
            registry.SetValueEx(key, NAME, 0, registry.REG_SZ, line)
        self._delete(APPROVED)

    def remove(self) -> None:
        """Delete the value, and what the Task Manager knows of it."""
        self._delete(RUN)
        self._delete(APPROVED)

    def _value(self, path: str) -> object:
        registry = self._registry
        try:
            with registry.OpenKey(registry.HKEY_CURRENT_USER, path, 0, registry.KEY_READ) as key:
                return registry.QueryValueEx(key, NAME)[0]
        except FileNotFoundError:
            return None

    def _delete(self, path: str) -> None:
        registry = self._registry
        try:
            with registry.OpenKey(registry.HKEY_CURRENT_USER, path, 0, registry.KEY_SET_VALUE) as key:
                registry.DeleteValue(key, NAME)
        except FileNotFoundError:
            return


def started_by(line: str) -> str:
    """The program at the beginning of a command line."""
    line = os.path.expandvars(line.strip())
    return line[1:].partition('"')[0] if line.startswith('"') else line.partition(" ")[0]


def _too_long(length: int) -> Unavailable:
    return Unavailable(
        "login_start_too_long",
        "Spark cannot start at login from here",
        f"The command has {length} characters; Windows starts commands of up to {LONGEST}.",
        "Move Spark, or its base directory, to a folder with a shorter path.",
    )
