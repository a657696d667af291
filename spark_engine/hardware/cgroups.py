"""Limits that Linux' control groups (containers, services) set to this process's memory; versions 1 and 2."""

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

MEMBERSHIP, MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60


class Group(Struct, frozen=True):
    """A group with a limit, in bytes. `used` is without pages of files, which the system drops when it needs memory."""

    limit: int
    used: int

    @property
    def room(self) -> int:
        """What is left below the limit."""
        return max(0, self.limit - self.used)


class _Names(Struct, frozen=True):
    """A version's names: the files of limit and use, and the prefix of sums over the groups below."""

    limit: str
    used: str
    prefix: str = ""


_V1 = _Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
_V2 = _Names("memory.max", "memory.current")


def memory_groups(membership: Path = MEMBERSHIP, mount: Path = MOUNT) -> list[Group]:
    """Every group with a limit that this process is in, itself or by a group around it; empty where there is none."""
    try:
        lines = membership.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [group for line in lines for group in _groups_of(line, mount)]


def _groups_of(line: str, mount: Path) -> Iterator[Group]:
    """Those of one line `number:controllers:/path`."""
    number, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    if number == "0" and not controllers:
        yield from _around(mount, path, _V2)
    elif "memory" in controllers.split(","):
        yield from _around(mount / "memory", path, _V1)


def _around(root: Path, path: str, names: _Names) -> Iterator[Group]:
    """The group at `path` and all around it. In a container the path may be the host's: then only `root` is there."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        group = _read(root.joinpath(*parts[:depth]), names)
        if group is not None:
            yield group


def _read(folder: Path, names: _Names) -> Group | None:
    try:
        limit = (folder / names.limit).read_text(encoding="ascii").strip()
        used = int((folder / names.used).read_text(encoding="ascii"))
        stat = (folder / "memory.stat").read_text(encoding="ascii")
        if limit == "max" or int(limit) >= _UNLIMITED:
            return None
        return Group(int(limit), max(0, used - _file_pages(stat, names.prefix)))
    except (OSError, ValueError):
        return None


def _file_pages(stat: str, prefix: str) -> int:
    values = dict(line.split(" ", 1) for line in stat.splitlines() if " " in line)
    return sum(int(values.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
