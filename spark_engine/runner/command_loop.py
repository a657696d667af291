"""The loop of every runner: take commands, do a step of work, tell the engine; sleep while there is nothing to do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import cast

import psutil

from spark_engine.protocol.messages import FromRunner, RunnerStats, SequenceEvent, ToRunner
from spark_engine.runner.outbox import Outbox
from spark_engine.runner.pipe import Commands

STATS_EVERY_S = 1.0


class CommandLoop(ABC):
    """Runs on the process's main thread."""

    def __init__(self, send: Callable[[FromRunner], None], commands: Commands) -> None:
        self._send = send
        self._commands = cast("SimpleQueue[ToRunner | None]", commands)
        self._outbox = Outbox(send)
        self._process = psutil.Process()
        self._stats_at = 0.0
        self._worked = False

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether nothing is there that was not answered."""

    @abstractmethod
    def _do(self, command: ToRunner) -> Sequence[SequenceEvent]:
        """Take a command; what is to be told at once."""

    @abstractmethod
    def _step(self) -> Sequence[SequenceEvent]:
        """Compute something."""

    @abstractmethod
    def _stats(self) -> RunnerStats:
        """The figures right now."""

    def wake(self) -> None:
        """Let the loop go round once more, from any thread: what a request waited for is there."""
        self._commands.put(None)

    def run(self) -> int:
        """Serve for ever; the reader thread ends the process when the engine is gone."""
        while True:
            self._take_commands()
            self._worked |= not self.is_idle
            self._tell(self._step())
            self._tell_stats()

    def memory_bytes(self) -> int:
        """Resident memory of this process."""
        return int(self._process.memory_info().rss)

    def _take_commands(self) -> None:
        """Do everything that waits; wait for something when there is nothing to compute."""
        events: list[SequenceEvent] = []
        if (rest := self._rest()) != 0:
            with suppress(Empty):
                events += self._take(self._commands.get(timeout=rest))
        while True:
            try:
                events += self._take(self._commands.get_nowait())
            except Empty:
                break
        self._tell(events)

    def _rest(self) -> float | None:
        """Seconds until there is something to do if nothing comes; None: there never is."""
        return None if self.is_idle else 0.0

    def _take(self, command: ToRunner | None) -> Sequence[SequenceEvent]:
        return () if command is None else self._do(command)

    def _tell(self, events: Sequence[SequenceEvent]) -> None:
        if events:
            self._outbox.put(events)

    def _tell_stats(self) -> None:
        now, idle = monotonic(), self.is_idle
        if (idle and not self._worked) or (not idle and now - self._stats_at < STATS_EVERY_S):
            return
        self._stats_at, self._worked = now, not idle
        self._send(self._stats())
