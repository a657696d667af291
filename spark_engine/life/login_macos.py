"""Start at login on macOS: a launch agent of the user."""

import plistlib
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from spark_engine.records import write_whole

LABEL = "io.github.spark-local"


class LaunchAgent:
    """`folder` is `~/Library/LaunchAgents`."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / f"{LABEL}.plist"

    def is_on(self) -> bool:
        """Whether the agent is there, not disabled, and names a program that exists."""
        try:
            agent = plistlib.loads(self.file.read_bytes())
        except (FileNotFoundError, plistlib.InvalidFileException, ExpatError, ValueError):
            return False
        if not isinstance(agent, dict):
            return False
        started = agent.get("ProgramArguments") or [""]
        return (
            agent.get("RunAtLoad") is True and not agent.get("Disabled") and Path(str(started[0])).is_file()
        )

    def write(self, command: list[str]) -> None:
        """Write the agent; it counts from the next login on."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.file, plistlib.dumps(agent(command)))

    def remove(self) -> None:
        """Delete the agent."""
        self.file.unlink(missing_ok=True)


def agent(command: list[str]) -> dict[str, Any]:
    """What launchd is told: start it once, in a session with a screen, as a program that people use."""
    return {
        "Label": LABEL,
        "ProgramArguments": command,
        "RunAtLoad": True,
        "LimitLoadToSessionType": "Aqua",
        "ProcessType": "Interactive",
    }
