"""What the logits of a step become: the next tokens of its sequences, what is told of them, and their ends."""

from spark_engine.backends.base import Decoder, Logits
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import SparkError
from spark_engine.protocol.messages import SequenceEvent, SequenceFailed
from spark_engine.runner.echo import Echo
from spark_engine.runner.guessing import Guessing
from spark_engine.runner.logprobs import token_logprob
from spark_engine.runner.plan import Chunk
from spark_engine.runner.rounding import Rounding
from spark_engine.runner.sequence import Sequence
from spark_engine.runner.slots import Slots
from spark_engine.types.generation import FinishReason

_ENDED = -1


class Outcomes:
    """Moves the `running` sequences on, and takes those that are over out of them. `tokens` counts what decode steps
    gave."""

    def __init__(
        self,
        decoder: Decoder,
        vocabulary: Vocabulary,
        slots: Slots,
        running: dict[str, Sequence],
        rounding: Rounding,
        guessing: Guessing,
    ) -> None:
        self._decoder, self._vocabulary, self._slots = decoder, vocabulary, slots
        self._running, self._rounding, self._guessing = running, rounding, guessing
        self.tokens = 0

    def take(self, chunk: Chunk, logits: Logits | None) -> list[SequenceEvent]:
        """Note that a chunk is computed; what its logits, if it has any, tell."""
        events: list[SequenceEvent] = []
        sequence = chunk.sequence
        if chunk.guess:
            assert logits is not None
            self._check_guess(chunk, logits, events)
            return events
        decodes = sequence.is_decoding
        sequence.took(chunk.length)
        if logits is None:
            return events
        if sequence.echo is not None:
            self._tell_prompt(sequence, sequence.echo, logits, events)
        elif self._advance(sequence, logits, events) is not None:
            self.tokens += decodes
        return events

    def finish(self, sequence: Sequence, reason: FinishReason) -> SequenceEvent:
        """End a sequence; its slot keeps what it holds."""
        del self._running[sequence.id]
        self._slots.keep(sequence)
        return sequence.finished(reason)

    def fail(self, sequence: Sequence, error: SparkError) -> SequenceEvent:
        """End a sequence that cannot go on."""
        del self._running[sequence.id]
        self._slots.drop(sequence)
        return failure(sequence.id, error)

    def _check_guess(self, chunk: Chunk, logits: Logits, events: list[SequenceEvent]) -> None:
        """Take the tokens that the logits [1 + guessed, vocab_size] give, as long as the guess has the same."""
        sequence, right, before = chunk.sequence, 0, self.tokens
        for row, guessed in zip(logits, (*chunk.guess, None), strict=True):
            sequence.computed += 1
            token = self._advance(sequence, row, events)
            self.tokens += token is not None
            if token is None or token != guessed:
                break
            right += 1
        self._guessing.learn(sequence, len(chunk.guess), right, self.tokens - before)
        if sequence.id in self._running:
            self._decoder.truncate(sequence.slot, sequence.computed)

    def _tell_prompt(
        self, sequence: Sequence, echo: Echo, logits: Logits, events: list[SequenceEvent]
    ) -> None:
        """Take the logits [length, vocab_size] of a piece of a prompt that is told back; tell it after the last."""
        rows = logits.reshape(-1, self._decoder.vocab_size)
        echo.take(sequence.computed - len(rows), rows)
        if sequence.remaining:
            return
        events.append(echo.told())
        sequence.echo = None
        if sequence.is_full:
            events.append(self.finish(sequence, "length"))
        else:
            self._advance(sequence, rows[-1], events)

    def _advance(self, sequence: Sequence, logits: Logits, events: list[SequenceEvent]) -> int | None:
        """Add one token to a sequence, tell what became final, end it when it is over. The token, -1 at the end, None
        when the logits could not decide."""
        try:
            if not self._rounding.is_sure(sequence, logits):
                self._guessing.redo(sequence)
                return None
            token = sequence.sampler.sample(logits)
        except SparkError as error:
            events.append(self.fail(sequence, error))
            return _ENDED
        sequence.append(token)
        reason = self._push(sequence, token, logits)
        delta = sequence.answer.release(final=reason is not None)
        if delta is not None:
            events.append(delta)
        if reason is not None:
            events.append(self.finish(sequence, reason))
            return _ENDED
        return token

    def _push(self, sequence: Sequence, token: int, logits: Logits) -> FinishReason | None:
        """Add a token to what is told; why the answer is over, if it is."""
        if token in self._vocabulary.eos and not sequence.stop.ignore_eos:
            return "stop"
        logprob = None
        if sequence.logprobs is not None:
            logprob = token_logprob(logits, token, sequence.logprobs, self._vocabulary.piece)
        sequence.answer.push(token, logprob, may_stop=sequence.may_stop)
        if sequence.answer.stopped or sequence.sampler.is_complete:
            return "stop"
        return "length" if sequence.is_full else None


def failure(id: str, error: SparkError) -> SequenceFailed:
    """An error as the event that ends a sequence."""
    return SequenceFailed(id, error.code, error.title, error.message, error.remedy, error.status, error.param)
