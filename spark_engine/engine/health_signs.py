"""What the health is read from: the state, and what the state does not tell; and what is found in it."""

import os
import shutil
from pathlib import Path

from msgspec import Struct

from spark_engine.types.ecosystem import EcosystemMember
from spark_engine.types.health import Repair
from spark_engine.types.state import EngineState


class Readings(Struct, frozen=True):
    """Taken in rounds. `unwritable` is a folder that Spark cannot write to, `late_s` how late the engine's loop came to
    its work, `queue_limit` how many requests may run and wait together (0: unknown)."""

    disk_free_bytes: int | None = None
    unwritable: str = ""
    late_s: float = 0.0
    watchers: int = 0
    queue_limit: int = 0


class Signs(Struct, frozen=True):
    """Everything a declared problem may look at."""

    state: EngineState
    readings: Readings = Readings()
    ecosystem: tuple[EcosystemMember, ...] = ()


class Case(Struct, frozen=True):
    """A problem that stands now. `about` tells several of one kind apart; `part` where it is not the declared one."""

    title: str
    message: str = ""
    remedy: str = ""
    repair: Repair | None = None
    about: str = ""
    part: str = ""
    causes: tuple[str, ...] = ()


def read_folders(root: Path, *folders: Path) -> tuple[int | None, str]:
    """Free bytes on the disk of `root`, and the first folder that cannot be written (empty: none). Blocks."""
    try:
        free = shutil.disk_usage(root).free
    except OSError:
        return None, str(root)
    unwritable = (f for f in (root, *folders) if f.exists() and not os.access(f, os.W_OK | os.X_OK))
    return free, str(next(unwritable, ""))
