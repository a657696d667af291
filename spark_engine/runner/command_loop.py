"""The loop of every runner: take commands, do a step of work, tell the engine; sleep while there is nothing to do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from queue import Empty
from time import monotonic

import psutil

from spark_engine.protocol.messages import FromRunner, RunnerStats, SequenceEvent, ToRunner
from spark_engine.runner.outbox import Outbox
from spark_engine.runner.pipe import Commands

STATS_EVERY_S = 1.0


class CommandLoop(ABC):
    """Runs on the process's main thread."""

    def __init__(self, send: Callable[[FromRunner], None], commands: Commands) -> None:
        self._send, self._commands = send, commands
        self._outbox = Outbox(send)
        self._process = psutil.Process()
        self._stats_at = 0.0
        self._worked = False

    @property
    @abstractmethod
    def is_idle(self) -> bool:
        """Whether there is nothing to compute."""

    @abstractmethod
    def _do(self, command: ToRunner) -> Sequence[SequenceEvent]:
        """Take a command; what is to be told at once."""

    @abstractmethod
    def _step(self) -> Sequence[SequenceEvent]:
        """Compute something."""

    @abstractmethod
    def _stats(self) -> RunnerStats:
        """The figures right now."""

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
        if self.is_idle:
            events += self._do(self._commands.get())
        while True:
            try:
                events += self._do(self._commands.get_nowait())
            except Empty:
                break
        self._tell(events)

    def _tell(self, events: Sequence[SequenceEvent]) -> None:
        if events:
            self._outbox.put(events)

    def _tell_stats(self) -> None:
        now, idle = monotonic(), self.is_idle
        if (idle and not self._worked) or (not idle and now - self._stats_at < STATS_EVERY_S):
            return
        self._stats_at, self._worked = now, not idle
        self._send(self._stats())
