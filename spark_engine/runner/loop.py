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
from spark_engine.runner.command_loop import CommandLoop
from spark_engine.runner.embed_queue import EmbedQueue
from spark_engine.runner.embed_ration import Ration
from spark_engine.runner.embed_source import DecoderSource
from spark_engine.runner.intake import Intake
from spark_engine.runner.model import Model
from spark_engine.runner.pipe import Commands
from spark_engine.runner.scheduler import Scheduler, failure
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

    @property
    def is_idle(self) -> bool:
        """Whether neither a sequence nor a text is there."""
        return self._scheduler.is_idle and self._readings.is_idle

    def _do(self, command: ToRunner) -> Sequence[SequenceEvent]:
        match command:
            case Submit(request):
                return self._submit(request)
            case Read(request):
                self._readings.submit(request)
                return ()
            case Cancel(id):
                event = self._scheduler.cancel(id)
                return self._readings.cancel(id) if event is None else [event]
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
        started = SequenceStarted(sequence.id, sequence.prompt_length, truncation=sequence.truncation)
        if sequence.is_full and not sequence.wants_prompt_logits:
            told = [] if sequence.echo is None else [sequence.echo.told()]
            return [started, *told, sequence.finished("length")]
        self._scheduler.submit(sequence)
        return [started]

    def _step(self) -> Sequence[SequenceEvent]:
        began = perf_counter()
        events = self._scheduler.step()
        self._outbox.put(
            events, step_s=perf_counter() - began
        )  # before reading: who streams does not wait for it
        return self._readings.step()

    def _stats(self) -> RunnerStats:
        scheduler, reading = self._scheduler, len(self._readings)
        return RunnerStats(
            running=scheduler.running + min(1, reading),
            waiting=scheduler.waiting + max(0, reading - 1),
            steps=scheduler.steps,
            decoded_tokens=scheduler.decoded_tokens,
            prefilled_tokens=scheduler.prefilled_tokens + self._readings.tokens,
            kv_bytes=self._model.decoder.kv_bytes(),
            memory_bytes=self.memory_bytes(),
            kv_limit_bytes=self._model.kv.bytes,
            cached_tokens=scheduler.cached_tokens,
            preemptions=scheduler.preemptions,
        )
