"""The main loop of a runner whose model writes: sequences under its scheduler, and texts that are only read."""

from collections.abc import Callable, Sequence
from time import perf_counter

from spark_engine.errors import Conflict, SparkError
from spark_engine.protocol.messages import (
    Cancel,
    FromRunner,
    Load,
    Read,
    RunnerStats,
    SequenceEvent,
    SequenceStarted,
    Submit,
    ToRunner,
)
from spark_engine.runner.command_loop import STATS_EVERY_S, CommandLoop
from spark_engine.runner.embed_queue import EmbedQueue
from spark_engine.runner.embed_ration import Ration
from spark_engine.runner.embed_source import DecoderSource
from spark_engine.runner.grammar_form import Form
from spark_engine.runner.grammar_queue import GrammarQueue
from spark_engine.runner.intake import Intake
from spark_engine.runner.model import Model
from spark_engine.runner.outcomes import failure
from spark_engine.runner.pipe import Commands
from spark_engine.runner.preparing import Preparing
from spark_engine.runner.scheduler import Scheduler
from spark_engine.runner.sequence import Sequence as RunnerSequence
from spark_engine.types.generation import GenerationRequest


class MainLoop(CommandLoop):
    """Owns the scheduler of one loaded model. Between two of its steps at most one piece of a text is read."""

    def __init__(self, model: Model, send: Callable[[FromRunner], None], commands: Commands) -> None:
        super().__init__(send, commands)
        self._model = model
        self._intake = Intake(model)
        self._scheduler = Scheduler(
            model.decoder, model.vocabulary, model.kv, prompt_lookup=model.prompt_lookup
        )
        ration = Ration(self._scheduler.pace, lambda: self._scheduler.running)
        self._readings = EmbedQueue(DecoderSource(model, ration))
        self._grammars = GrammarQueue(self._intake.compile, self.wake)
        self._preparing = Preparing()

    @property
    def is_idle(self) -> bool:
        """Whether neither a sequence nor a text is there."""
        return self._scheduler.is_idle and self._readings.is_idle and not self._preparing

    def _rest(self) -> float | None:
        if self._preparing and self._scheduler.is_idle and self._readings.is_idle:
            return self._preparing.rest(STATS_EVERY_S)
        return super()._rest()

    def _do(self, command: ToRunner) -> Sequence[SequenceEvent]:
        match command:
            case Submit(request):
                return self._submit(request)
            case Read(request):
                self._readings.submit(request)
                return ()
            case Cancel(id):
                return self._cancel(id)
            case Load():
                raise RuntimeError("a runner loads one model only")

    def _submit(self, request: GenerationRequest) -> list[SequenceEvent]:
        try:
            if request.id in self._scheduler or request.id in self._preparing:
                raise Conflict(
                    "duplicate_id", "The request runs already", f"{request.id} was submitted twice."
                )
            sequence = self._intake.begin(request)
        except SparkError as error:
            return [failure(request.id, error)]
        if (form := Form.of(request)) is None:
            return self._begin(sequence)
        self._scheduler.expect(sequence)
        self._preparing.add(sequence, self._grammars.rules(form))
        return self._prepared()

    def _prepared(self) -> list[SequenceEvent]:
        """Let those run whose grammar is compiled; refuse those whose grammar cannot be, or not in time."""
        events: list[SequenceEvent] = []
        for sequence, error in self._preparing.take():
            events += self._begin(sequence) if error is None else [failure(sequence.id, error)]
        return events

    def _begin(self, sequence: RunnerSequence) -> list[SequenceEvent]:
        started = _started(sequence)
        if sequence.is_full and not sequence.wants_prompt_logits:
            told = [] if sequence.echo is None else [sequence.echo.told()]
            return [started, *told, sequence.finished("length")]
        self._scheduler.submit(sequence)
        return [started]

    def _cancel(self, id: str) -> list[SequenceEvent]:
        if (sequence := self._preparing.remove(id)) is not None:
            return [_started(sequence), sequence.finished("cancelled")]
        event = self._scheduler.cancel(id)
        return self._readings.cancel(id) if event is None else [event]

    def _step(self) -> Sequence[SequenceEvent]:
        if self._preparing:
            self._tell(self._prepared())
        began = perf_counter()
        stepped = self._scheduler.step()
        events = [*self._scheduler.take_admitted(), *stepped]
        # Those who stream do not wait for what is read now.
        self._outbox.put(events, step_s=perf_counter() - began)
        return self._readings.step()

    def _stats(self) -> RunnerStats:
        scheduler, reading = self._scheduler, len(self._readings)
        return RunnerStats(
            running=scheduler.running + min(1, reading),
            waiting=len(self._preparing) + scheduler.waiting + max(0, reading - 1),
            steps=scheduler.steps,
            decoded_tokens=scheduler.decoded_tokens,
            prefilled_tokens=scheduler.prefilled_tokens + self._readings.tokens,
            kv_bytes=self._model.decoder.kv_bytes(),
            memory_bytes=self.memory_bytes(),
            kv_limit_bytes=self._model.kv.bytes,
            cached_tokens=scheduler.cached_tokens,
            preemptions=scheduler.preemptions,
            queue=scheduler.queue,
        )


def _started(sequence: RunnerSequence) -> SequenceStarted:
    return SequenceStarted(sequence.id, sequence.prompt_length, truncation=sequence.truncation)
