"""The main loop of a runner whose model only embeds or scores."""

from collections.abc import Callable, Sequence

from spark_engine.errors import InvalidRequest
from spark_engine.protocol.messages import (
    Cancel,
    FromRunner,
    Load,
    Read,
    RunnerStats,
    SequenceEvent,
    Submit,
    ToRunner,
)
from spark_engine.runner.command_loop import CommandLoop
from spark_engine.runner.embed_queue import EmbedQueue
from spark_engine.runner.embed_ration import Ration
from spark_engine.runner.embed_source import EncoderSource
from spark_engine.runner.encoder_model import EncoderModel
from spark_engine.runner.outcomes import failure
from spark_engine.runner.pace import Pace
from spark_engine.runner.pipe import Commands


class EncoderLoop(CommandLoop):
    """Owns the queue of one loaded model."""

    def __init__(self, model: EncoderModel, send: Callable[[FromRunner], None], commands: Commands) -> None:
        super().__init__(send, commands)
        source = EncoderSource(model.encoder, model.encoding, model.pooling, Ration(Pace()))
        self._queue = EmbedQueue(source)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be read."""
        return self._queue.is_idle

    def _do(self, command: ToRunner) -> Sequence[SequenceEvent]:
        match command:
            case Read(request):
                self._queue.submit(request)
                return ()
            case Cancel(id):
                return self._queue.cancel(id)
            case Submit(request):
                return (failure(request.id, _writes_nothing()),)
            case Load():
                raise RuntimeError("a runner loads one model only")

    def _step(self) -> Sequence[SequenceEvent]:
        return self._queue.step()

    def _stats(self) -> RunnerStats:
        waiting = len(self._queue)
        return RunnerStats(
            running=min(1, waiting),
            waiting=max(0, waiting - 1),
            steps=self._queue.steps,
            decoded_tokens=0,
            prefilled_tokens=self._queue.tokens,
            kv_bytes=0,
            memory_bytes=self.memory_bytes(),
        )


def _writes_nothing() -> InvalidRequest:
    return InvalidRequest(
        "model_cannot_generate",
        "This model does not write text",
        "It was made to read texts; it cannot answer or continue them.",
        "Choose another model, or `auto` to let Spark choose.",
        param="model",
    )
