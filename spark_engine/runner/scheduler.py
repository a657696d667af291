"""Continuous batching: sequences join and leave at every step.

A step: admit → plan one batch → decoder.forward → sample → detokenize → events.
"""

import heapq
import logging
from itertools import count
from time import perf_counter

from spark_engine.backends.base import Decoder, Logits, SlotInput
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import SparkError
from spark_engine.protocol.messages import SequenceEvent, SequenceFailed
from spark_engine.runner.logprobs import token_logprob
from spark_engine.runner.pace import Pace
from spark_engine.runner.plan import Chunk, plan_step
from spark_engine.runner.sequence import Sequence
from spark_engine.types.generation import FinishReason

log = logging.getLogger(__name__)
FAILURES_IN_A_ROW = 3


class Scheduler:
    """The waiting and running sequences of one decoder."""

    def __init__(self, decoder: Decoder, vocabulary: Vocabulary) -> None:
        self._decoder, self._vocabulary = decoder, vocabulary
        self._waiting: list[tuple[int, int, Sequence]] = []
        self._running: dict[str, Sequence] = {}
        self._free = list(range(decoder.max_slots - 1, -1, -1))
        self._arrivals = count()
        self._failures = 0
        self.pace = Pace()
        self.steps = self.decoded_tokens = self.prefilled_tokens = 0

    @property
    def running(self) -> int:
        """Sequences that hold a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Sequences that wait for a slot."""
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether a step would do nothing."""
        return not self._running and not self._waiting

    def __contains__(self, id: object) -> bool:
        return id in self._running or any(entry[2].id == id for entry in self._waiting)

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence: lower `priority` first, then first come, first served."""
        heapq.heappush(self._waiting, (sequence.priority, next(self._arrivals), sequence))

    def cancel(self, id: str) -> SequenceEvent | None:
        """End a sequence now, wherever it is; None when there is no such sequence."""
        if (sequence := self._running.get(id)) is not None:
            return self._finish(sequence, "cancelled")
        for entry in self._waiting:
            if entry[2].id == id:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
                return entry[2].finished("cancelled")
        return None

    def step(self) -> list[SequenceEvent]:
        """Compute one batch; what it produced, in order. Raises when the decoder fails again and again."""
        self._admit()
        decoding = sum(sequence.is_decoding for sequence in self._running.values())
        chunks = plan_step(self._running.values(), self.pace.budget(decoding))
        if not chunks:
            return []
        started = perf_counter()
        self.steps += 1
        for chunk in chunks:
            chunk.sequence.begin_chunk(self.steps, started)
        try:
            outputs = self._decoder.forward([_slot_input(chunk) for chunk in chunks])
        except Exception as error:
            return self._batch_failed(chunks, error)
        self._failures = 0
        prefilled = sum(chunk.length for chunk in chunks) - decoding
        self.decoded_tokens += decoding
        self.prefilled_tokens += prefilled
        self.pace.record(decoding, prefilled, perf_counter() - started)
        events: list[SequenceEvent] = []
        for chunk, logits in zip(chunks, outputs, strict=True):
            chunk.sequence.computed += chunk.length
            if logits is not None:
                self._advance(chunk.sequence, logits, events)
        return events

    def _admit(self) -> None:
        while self._free and self._waiting:
            sequence = heapq.heappop(self._waiting)[2]
            sequence.slot = self._free.pop()
            sequence.served_at = self.steps
            self._running[sequence.id] = sequence

    def _advance(self, sequence: Sequence, logits: Logits, events: list[SequenceEvent]) -> None:
        """Add one token to a sequence, tell what became final, end it when it is over."""
        try:
            token = sequence.sampler.sample(logits)
        except SparkError as error:
            events.append(self._fail(sequence, error))
            return
        sequence.append(token)
        reason: FinishReason | None = None
        if token in self._vocabulary.eos and not sequence.stop.ignore_eos:
            reason = "stop"
        else:
            logprob = None
            if sequence.logprobs is not None:
                logprob = token_logprob(logits, token, sequence.logprobs, self._vocabulary.piece)
            sequence.answer.push(token, logprob, may_stop=sequence.may_stop)
            reason = "stop" if sequence.answer.stopped else "length" if sequence.is_full else None
        delta = sequence.answer.release(final=reason is not None)
        if delta is not None:
            events.append(delta)
        if reason is not None:
            events.append(self._finish(sequence, reason))

    def _finish(self, sequence: Sequence, reason: FinishReason) -> SequenceEvent:
        self._release(sequence)
        return sequence.finished(reason)

    def _fail(self, sequence: Sequence, error: SparkError) -> SequenceEvent:
        self._release(sequence)
        return failure(sequence.id, error)

    def _release(self, sequence: Sequence) -> None:
        del self._running[sequence.id]
        self._decoder.free(sequence.slot)
        self._free.append(sequence.slot)

    def _batch_failed(self, chunks: list[Chunk], error: Exception) -> list[SequenceEvent]:
        """Give up the sequences of a failed batch; the others go on, unless it keeps failing."""
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise error
        log.error("a step failed", exc_info=error)
        known = error if isinstance(error, SparkError) else _step_failed(error)
        return [self._fail(chunk.sequence, known) for chunk in chunks]


def failure(id: str, error: SparkError) -> SequenceFailed:
    """An error as the event that ends a sequence."""
    return SequenceFailed(id, error.code, error.title, error.message, error.remedy, error.status, error.param)


def _slot_input(chunk: Chunk) -> SlotInput:
    sequence, begin = chunk.sequence, chunk.sequence.computed
    return SlotInput(sequence.slot, begin, sequence.tokens[begin : begin + chunk.length], chunk.is_last)


def _step_failed(error: Exception) -> SparkError:
    return SparkError(
        "step_failed",
        "The model failed while computing",
        f"{type(error).__name__}: {str(error)[:400]}",
        "Try again; if it happens again, load the model anew or with a smaller context.",
    )
