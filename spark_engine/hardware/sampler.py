"""One reading of the whole machine: what cannot hang at once, what asks drivers beside it and no longer than it may."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import psutil

from spark_engine.hardware.accelerators import Found, Reader, each_once
from spark_engine.hardware.cpu import CpuReader
from spark_engine.hardware.disk import DiskReader
from spark_engine.hardware.memory import read_memory
from spark_engine.hardware.own import OwnReader
from spark_engine.types.hardware import DiskReading, HardwareReading, MemoryReading, Unread

PATIENCE_S = 2.0
ASK_AGAIN_EVERY = 30
DISK = "Disk"


class Basics:
    """Processor, main memory and Spark's share of them: nothing here asks a driver."""

    def __init__(self) -> None:
        self._cpu, self._own = CpuReader(), OwnReader()

    def read(self, roles: Mapping[int, str]) -> HardwareReading:
        """`roles`: Spark's processes by pid."""
        return HardwareReading(
            at=time.time(), cpu=self._cpu.read(), memory=machine_memory(), own=self._own.read(roles)
        )


class Sampler:
    """Asks every reader in a thread of its own: one that hangs leaves the others their time, and is not asked again
    before it came back. A reader that found nothing is asked again at every thirtieth reading."""

    def __init__(self, readers: Sequence[Reader], disk: str, patience_s: float = PATIENCE_S) -> None:
        self._basics, self._disk, self._readers = Basics(), DiskReader(disk), readers
        self._patience = patience_s
        self._pool = ThreadPoolExecutor(max_workers=len(readers) + 1, thread_name_prefix="reader")
        self._asked: dict[str, Future[Any]] = {}
        self._reasons: dict[str, str] = {}
        self._count = 0

    def read(self, roles: Mapping[int, str]) -> HardwareReading:
        """The machine now, in at most the patience this was made with."""
        pids = frozenset(roles)
        questions: dict[str, Callable[[], Any]] = {DISK: self._disk.read}
        for reader in self._readers:
            if self._is_due(reader.name):
                questions[reader.name] = lambda reader=reader: reader.read(pids)  # type: ignore[misc]
        answers = self._ask(questions)
        basics = self._basics.read(roles)
        self._count += 1
        found = [answers.get(reader.name) for reader in self._readers]
        disk = answers.get(DISK)
        return HardwareReading(
            basics.at,
            basics.cpu,
            basics.memory,
            disk if isinstance(disk, DiskReading) else None,
            each_once(device for one in found if isinstance(one, Found) for device in one.devices),
            tuple(Unread(name, reason) for name, reason in self._reasons.items()),
            basics.own,
        )

    def _is_due(self, name: str) -> bool:
        return name not in self._reasons or self._count % ASK_AGAIN_EVERY == 0 or name in self._asked

    def _ask(self, questions: dict[str, Callable[[], Any]]) -> dict[str, Any]:
        """The answers that came in time; for all others the reason is kept."""
        fresh = {name for name in questions if name not in self._asked}
        for name in fresh:
            self._asked[name] = self._pool.submit(questions[name])
        wait([self._asked[name] for name in fresh], self._patience)
        return {name: answer for name in questions if (answer := self._answer(name)) is not None}

    def _answer(self, name: str) -> Any:
        asked = self._asked[name]
        if not asked.done():
            self._reasons[name] = (
                "The driver does not answer." if name != DISK else "The disk does not answer."
            )
            return None
        del self._asked[name]
        error = asked.exception()
        answer = None if error is not None else asked.result()
        reason = answer.reason if isinstance(answer, Found) else str(error or "")
        if error is not None:
            reason = f"Reading it failed: {type(error).__name__}{f': {error}' if str(error) else ''}."
        self._reasons.pop(name, None)
        if reason:
            self._reasons[name] = reason
        return answer


def machine_memory() -> MemoryReading:
    """Main memory, or what control groups leave of it, and swap."""
    memory, swap = read_memory(), psutil.swap_memory()
    return MemoryReading(memory.total_bytes, memory.available_bytes, int(swap.total), int(swap.used))
