"""How much memory there is and how much is free for models, and what a process of ours holds of it."""

import psutil
from msgspec import Struct

from spark_engine.hardware.cgroups import memory_groups


class Memory(Struct, frozen=True):
    """Bytes that this process and its children can have at most, and how many of them are free."""

    total_bytes: int
    available_bytes: int


class Held(Struct, frozen=True):
    """Resident bytes of a process. `mapped` are pages of files: the system counts them as available, but a program that
    computes with them is slow without. Only Linux tells them apart; elsewhere all are `own`."""

    own: int = 0
    mapped: int = 0


def read_memory() -> Memory:
    """The machine's memory now, or what control groups leave of it."""
    system, groups = psutil.virtual_memory(), memory_groups()
    return Memory(
        total_bytes=min([int(system.total), *(group.limit for group in groups)]),
        available_bytes=min([int(system.available), *(group.room for group in groups)]),
    )


def held_by(pid: int | None) -> Held:
    """What a process holds; nothing when it is gone."""
    try:
        info = psutil.Process(pid).memory_info() if pid else None
    except psutil.Error:
        return Held()
    if info is None:
        return Held()
    mapped = int(getattr(info, "shared", 0))
    return Held(max(0, int(info.rss) - mapped), mapped)
