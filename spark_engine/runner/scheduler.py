"""Continuous batching: sequences join and leave at every step.

A step: admit → plan one batch → make room → decoder.forward → sample → detokenize → events.
"""

import logging
from time import perf_counter

from spark_engine.backends.base import Decoder
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import DeadlineExceeded, SparkError
from spark_engine.protocol.messages import SequenceAdmitted, SequenceEvent
from spark_engine.runner.guessing import Guessing
from spark_engine.runner.kv_budget import KvBudget
from spark_engine.runner.outcomes import Outcomes, failure
from spark_engine.runner.pace import Pace
from spark_engine.runner.plan import Chunk, plan_step
from spark_engine.runner.queue import Waiting
from spark_engine.runner.rounding import Rounding
from spark_engine.runner.sequence import Sequence
from spark_engine.runner.slots import Match, Slots, common, shareable

log = logging.getLogger(__name__)
FAILURES_IN_A_ROW = 3
GROWTH = 64  # tokens of answer that must fit when a sequence is admitted
WORTH_WAITING = 64  # tokens that a running sequence is about to compute for a waiting one
PREFILL_COST = 0.25  # of a decoded token, when clients' shares are counted


class Scheduler:
    """The waiting and running sequences of one decoder."""

    def __init__(
        self, decoder: Decoder, vocabulary: Vocabulary, kv: KvBudget, *, prompt_lookup: bool = True
    ) -> None:
        self._decoder, self._kv = decoder, kv
        self._waiting = Waiting()
        self._running: dict[str, Sequence] = {}
        self._slots = Slots(decoder)
        self._failures = 0
        self._admitted: list[SequenceAdmitted] = []
        self.pace = Pace(joins=decoder.joins)
        rounding = Rounding(decoder)
        self._guessing = Guessing(decoder, self.pace, wanted=prompt_lookup)
        self._outcomes = Outcomes(decoder, vocabulary, self._slots, self._running, rounding, self._guessing)
        self.steps = self.prefilled_tokens = 0
        self.cached_tokens = self.preemptions = 0

    @property
    def decoded_tokens(self) -> int:
        """Tokens that decode steps gave."""
        return self._outcomes.tokens

    @property
    def running(self) -> int:
        """Sequences that hold a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Sequences that wait for a slot."""
        return len(self._waiting)

    @property
    def queue(self) -> tuple[str, ...]:
        """The ids of those that wait for a slot, the next one first."""
        return tuple(sequence.id for sequence in self._waiting.in_order())

    def take_admitted(self) -> list[SequenceAdmitted]:
        """Who got a slot since the last time."""
        admitted, self._admitted = self._admitted, []
        return admitted

    @property
    def is_idle(self) -> bool:
        """Whether a step would do nothing."""
        return not self._running and not self._waiting

    @property
    def is_even(self) -> bool:
        """Whether the next step is likely to be like the last: all sequences decode, none waits."""
        return not self._waiting and all(sequence.is_decoding for sequence in self._running.values())

    def __contains__(self, id: object) -> bool:
        return id in self._running or id in self._waiting

    def expect(self, sequence: Sequence) -> None:
        """Keep a place for a sequence that is submitted later."""
        self._waiting.expect(sequence)

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence."""
        self._waiting.push(sequence)

    def cancel(self, id: str) -> SequenceEvent | None:
        """End a sequence now, wherever it is; None when there is no such sequence."""
        if (sequence := self._running.get(id)) is not None:
            return self._outcomes.finish(sequence, "cancelled")
        waiting = self._waiting.remove(id)
        return None if waiting is None else waiting.finished("cancelled")

    def step(self) -> list[SequenceEvent]:
        """Compute one batch; what it produced, in order. Raises when the decoder fails again and again."""
        events = self._expire()
        self._admit()
        chunks = self._plan()
        if not chunks:
            return events
        started = perf_counter()
        self.steps += 1
        for chunk in chunks:
            chunk.sequence.served_at = self.steps
        try:
            outputs = self._decoder.forward([chunk.entry() for chunk in chunks])
        except Exception as error:
            return events + self._batch_failed(chunks, error)
        self._failures = 0
        self._account(chunks, perf_counter() - started)
        for chunk, logits in zip(chunks, outputs, strict=True):
            events += self._outcomes.take(chunk, logits)
        if self.is_idle:
            self._waiting.forget_clients()
        return events

    def _expire(self) -> list[SequenceEvent]:
        """End the sequences whose deadline has passed."""
        now = perf_counter()
        events: list[SequenceEvent] = [
            self._outcomes.fail(sequence, DeadlineExceeded(sequence.deadline_s))
            for sequence in list(self._running.values())
            if sequence.is_late(now)
        ]
        for sequence in self._waiting:
            if sequence.is_late(now):
                self._waiting.remove(sequence.id)
                events.append(failure(sequence.id, DeadlineExceeded(sequence.deadline_s)))
        return events

    def _admit(self) -> None:
        """Give slots to those who wait, as long as there are slots and memory."""
        if not self._waiting or not self._slots.available:
            return
        for sequence in self._waiting.in_order():
            match = self._slots.best(sequence, self._running.values())
            if self._is_being_read(sequence, match):
                continue
            if not self._slots.available or not self._has_room(sequence, match):
                return
            self._waiting.remove(sequence.id)
            sequence.begin()
            # Making room may have taken the match away.
            self._slots.claim(sequence, self._slots.best(sequence, self._running.values()))
            self.cached_tokens += sequence.computed
            sequence.served_at = self.steps
            self._running[sequence.id] = sequence
            self._admitted.append(SequenceAdmitted(sequence.id, sequence.cached))

    def _is_being_read(self, sequence: Sequence, match: Match) -> bool:
        """Whether a running sequence will soon hold more of this one's beginning than any slot does now."""
        most = shareable(sequence)
        reading = (other for other in self._running.values() if not other.is_decoding)
        ahead = max((common(sequence.tokens, other.tokens, most) for other in reading), default=0)
        return ahead >= WORTH_WAITING and ahead > match.length

    def _has_room(self, sequence: Sequence, match: Match) -> bool:
        """Make room in the cache for all of a sequence; False when the running ones need too much of it."""
        self._slots.touch(match)
        needed = [_soon(other) for other in (*self._running.values(), sequence)]
        while not self._kv.fits([*needed, *self._slots.idle_lengths(match)]):
            if not self._slots.evict():
                return not self._running
        return True

    def _plan(self) -> list[Chunk]:
        """The next batch, which fits into the cache: if need be others give up theirs."""
        for sequence in self._running.values():
            if not sequence.is_long and self._slots.makes_long(sequence):
                self._slots.begin_anew(sequence)
        while True:
            decoding = sum(sequence.is_decoding for sequence in self._running.values())
            chunks = plan_step(self._running.values(), self.pace.budget(decoding))
            lengths = {sequence.id: self._held(sequence) for sequence in self._running.values()}
            lengths |= {chunk.sequence.id: max(chunk.end, self._held(chunk.sequence)) for chunk in chunks}
            if self._kv.fits([*lengths.values(), *self._slots.idle_lengths()]):
                return self._guessing.added(chunks)
            if not self._slots.evict() and not self._preempt():
                return chunks

    def _held(self, sequence: Sequence) -> int:
        """Positions that a sequence's slot has room for; those beyond the original context have that from the start."""
        beyond = (self._decoder.original_context or 0) + 1 if sequence.is_long else 0
        return max(sequence.computed, beyond)

    def _preempt(self) -> bool:
        """Put the least urgent, latest sequence back into the queue; its answer goes on later. False for the last."""
        if len(self._running) < 2:
            return False
        victim = max(self._running.values(), key=lambda sequence: (sequence.priority, sequence.arrival))
        del self._running[victim.id]
        self._slots.drop(victim)
        victim.lose_slot()
        self._waiting.push(victim)
        self.preemptions += 1
        return True

    def _account(self, chunks: list[Chunk], seconds: float) -> None:
        """Count what a step computed, before the sequences move on."""
        decoded = sum(chunk.sequence.is_decoding for chunk in chunks)
        prefilled = sum(chunk.length for chunk in chunks) - decoded
        self.prefilled_tokens += prefilled
        if chunks[0].guess:  # costs what a piece of prompt costs
            self.pace.record(0, 1 + len(chunks[0].guess), seconds, 1)
        else:
            self.pace.record(decoded, prefilled, seconds, len(chunks) - decoded)
        for chunk in chunks:
            cost = 1.0 if chunk.sequence.is_decoding else PREFILL_COST * chunk.length
            self._waiting.serve(chunk.sequence.client, cost)

    def _batch_failed(self, chunks: list[Chunk], error: Exception) -> list[SequenceEvent]:
        """Give up the sequences of a failed batch; the others go on, unless it keeps failing."""
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise error
        log.error("a step failed", exc_info=error)
        known = error if isinstance(error, SparkError) else _step_failed(error)
        return [self._outcomes.fail(chunk.sequence, known) for chunk in chunks]


def _soon(sequence: Sequence) -> int:
    """Tokens a sequence will soon have in its slot."""
    return min(sequence.limit, len(sequence.tokens) + GROWTH)


def _step_failed(error: Exception) -> SparkError:
    return SparkError(
        "step_failed",
        "The model failed while computing",
        f"{type(error).__name__}: {str(error)[:400]}",
        "Try again; if it happens again, load the model anew or with a smaller context.",
    )
