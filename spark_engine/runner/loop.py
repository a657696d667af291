"""The runner's main loop: take commands, run a step, tell the engine; sleeps while there is nothing to do."""

from collections.abc import Callable
from queue import Empty
from time import monotonic

import psutil

from spark_engine.errors import Conflict, SparkError
from spark_engine.protocol.messages import (
    Cancel,
    Events,
    FromRunner,
    Load,
    RunnerStats,
    SequenceEvent,
    SequenceStarted,
    Submit,
    ToRunner,
)
from spark_engine.runner.intake import Intake
from spark_engine.runner.model import Model
from spark_engine.runner.pipe import Commands
from spark_engine.runner.scheduler import Scheduler, failure
from spark_engine.types.generation import GenerationRequest

STATS_EVERY_S = 1.0


class MainLoop:
    """Owns the scheduler of one loaded model; runs on the process's main thread."""

    def __init__(self, model: Model, send: Callable[[FromRunner], None], commands: Commands) -> None:
        self._model, self._send, self._commands = model, send, commands
        self._intake = Intake(model)
        self._scheduler = Scheduler(model.decoder, model.vocabulary, model.kv)
        self._process = psutil.Process()
        self._stats_at = 0.0
        self._worked = False

    def run(self) -> int:
        """Serve for ever; the reader thread ends the process when the engine is gone."""
        while True:
            self._take_commands()
            self._worked |= not self._scheduler.is_idle
            self._tell(self._scheduler.step())
            self._tell_stats()

    def memory_bytes(self) -> int:
        """Resident memory of this process."""
        return int(self._process.memory_info().rss)

    def _take_commands(self) -> None:
        """Do everything that waits; wait for something when there is nothing to compute."""
        events: list[SequenceEvent] = []
        if self._scheduler.is_idle:
            events += self._do(self._commands.get())
        while True:
            try:
                events += self._do(self._commands.get_nowait())
            except Empty:
                break
        self._tell(events)

    def _do(self, command: ToRunner) -> list[SequenceEvent]:
        match command:
            case Submit(request):
                return self._submit(request)
            case Cancel(id):
                event = self._scheduler.cancel(id)
                return [] if event is None else [event]
            case Load():
                raise RuntimeError("a runner loads one model only")

    def _submit(self, request: GenerationRequest) -> list[SequenceEvent]:
        try:
            if request.id in self._scheduler:
                raise Conflict(
                    "duplicate_id", "The request runs already", f"{request.id} was submitted twice."
                )
            sequence = self._intake.sequence(request)
        except SparkError as error:
            return [failure(request.id, error)]
        started = SequenceStarted(sequence.id, sequence.prompt_length)
        if sequence.is_full:
            return [started, sequence.finished("length")]
        self._scheduler.submit(sequence)
        return [started]

    def _tell(self, events: list[SequenceEvent]) -> None:
        if events:
            self._send(Events(tuple(events)))

    def _tell_stats(self) -> None:
        now, idle = monotonic(), self._scheduler.is_idle
        if (idle and not self._worked) or (not idle and now - self._stats_at < STATS_EVERY_S):
            return
        self._stats_at, self._worked = now, not idle
        s = self._scheduler
        self._send(
            RunnerStats(
                s.running,
                s.waiting,
                s.steps,
                s.decoded_tokens,
                s.prefilled_tokens,
                self._model.decoder.kv_bytes(),
                self.memory_bytes(),
                self._model.kv.bytes,
                s.cached_tokens,
                s.preemptions,
            )
        )
