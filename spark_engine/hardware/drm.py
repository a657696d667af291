"""Graphics cards as Linux' DRM shows them: the cards in sysfs, and who uses them in /proc/PID/fdinfo."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from spark_engine.hardware.sysfs import SYS, number

PROC = Path("/proc")
_UNITS = {"": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


class Client(Struct, frozen=True):
    """One opening of a card by a process. `bus` is the card's PCI place, `busy` the time or cycles each engine worked,
    `total` the cycles that went by (empty where the driver counts time, in nanoseconds), `memory` bytes by region."""

    pid: int
    driver: str
    bus: str
    id: str
    busy: dict[str, int]
    total: dict[str, int]
    memory: dict[str, int]


def cards(vendor: int, sys: Path = SYS) -> list[Path]:
    """The device folders of a vendor's cards (`/sys/class/drm/card0/device`), each once."""
    found: dict[Path, Path] = {}
    for card in sorted((sys / "class" / "drm").glob("card[0-9]*")):
        device = card / "device"
        if card.name[4:].isdecimal():
            with suppress(OSError, ValueError):
                if number(device / "vendor") == vendor:
                    found.setdefault(device.resolve(), device)
    return list(found.values())


def bus_of(device: Path) -> str:
    """The card's PCI place, `0000:03:00.0`."""
    return device.resolve().name


def files_of(pid: int, proc: Path = PROC) -> list[Path]:
    """The fdinfo files of a process' openings of cards; none when it is gone or another user's."""
    folder = proc / str(pid)
    found = []
    with suppress(OSError):
        for entry in os.listdir(folder / "fd"):
            with suppress(OSError):
                if os.readlink(folder / "fd" / entry).startswith("/dev/dri/"):
                    found.append(folder / "fdinfo" / entry)
    return found


def all_files(proc: Path = PROC) -> list[Path]:
    """The same for every process that may be looked into."""
    pids = [int(entry.name) for entry in os.scandir(proc) if entry.name.isdecimal()]
    return [file for pid in pids for file in files_of(pid, proc)]


def clients(files: Iterable[Path]) -> Iterator[Client]:
    """What the files tell, each client once, however often its opening was copied."""
    seen = set()
    for file in files:
        try:
            text = file.read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        client = parse(int(file.parts[-3]), text)
        if client is not None and (client.bus, client.id) not in seen:
            seen.add((client.bus, client.id))
            yield client


def parse(pid: int, text: str) -> Client | None:
    """One fdinfo file; None when it is not a card's."""
    lines = (line.partition(":") for line in text.splitlines())
    told = {key.strip(): value.strip() for key, _, value in lines if key.startswith("drm-")}
    if "drm-driver" not in told or "drm-client-id" not in told:
        return None
    return Client(
        pid,
        told["drm-driver"],
        told.get("drm-pdev", ""),
        told["drm-client-id"],
        _numbers(told, "drm-engine-", but="capacity-") | _numbers(told, "drm-cycles-"),
        _numbers(told, "drm-total-cycles-"),
        _numbers(told, "drm-memory-") or _numbers(told, "drm-resident-"),
    )


def _numbers(told: dict[str, str], prefix: str, but: str = "\0") -> dict[str, int]:
    found = {}
    for key, value in told.items():
        name = key.removeprefix(prefix)
        if name == key or name.startswith(but):
            continue
        count, _, unit = value.partition(" ")
        if count.isdecimal():
            found[name] = int(count) * _UNITS.get(unit, 1)
    return found
