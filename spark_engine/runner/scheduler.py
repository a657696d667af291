"""Continuous batching: sequences join and leave at every step.

A step: admit → plan one batch → make room → decoder.forward → sample → detokenize → events.
"""

import logging
from time import perf_counter

from spark_engine.backends.base import Decoder, Logits
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import DeadlineExceeded, SparkError
from spark_engine.protocol.messages import SequenceEvent, SequenceFailed
from spark_engine.runner.echo import Echo
from spark_engine.runner.guessing import Guessing
from spark_engine.runner.kv_budget import KvBudget
from spark_engine.runner.logprobs import token_logprob
from spark_engine.runner.lookup import is_clear
from spark_engine.runner.pace import Pace
from spark_engine.runner.plan import Chunk, plan_step
from spark_engine.runner.queue import Waiting
from spark_engine.runner.sequence import Sequence
from spark_engine.runner.slots import Match, Slots, common, shareable
from spark_engine.types.generation import FinishReason

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
        self._decoder, self._vocabulary, self._kv = decoder, vocabulary, kv
        self._waiting = Waiting()
        self._running: dict[str, Sequence] = {}
        self._slots = Slots(decoder)
        self._failures = 0
        self.pace = Pace()
        self._guessing = Guessing(decoder, self.pace, wanted=prompt_lookup)
        self.steps = self.decoded_tokens = self.prefilled_tokens = 0
        self.cached_tokens = self.preemptions = 0

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
            return self._finish(sequence, "cancelled")
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
            chunk.sequence.computed += chunk.length
            if logits is not None and chunk.guess:
                self._check_guess(chunk, logits, events)
            elif logits is not None and chunk.sequence.echo is not None:
                self._tell_prompt(chunk, chunk.sequence.echo, logits, events)
            elif logits is not None:
                self._advance(chunk.sequence, logits, events)
        if self.is_idle:
            self._waiting.forget_clients()
        return events

    def _expire(self) -> list[SequenceEvent]:
        """End the sequences whose deadline has passed."""
        now = perf_counter()
        events: list[SequenceEvent] = [
            self._fail(sequence, DeadlineExceeded(sequence.deadline_s))
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
        self.decoded_tokens += decoded
        self.prefilled_tokens += prefilled
        if chunks[0].guess:  # costs what a piece of prompt costs
            self.pace.record(0, 1 + len(chunks[0].guess), seconds, 1)
        else:
            self.pace.record(decoded, prefilled, seconds, len(chunks) - decoded)
        for chunk in chunks:
            cost = 1.0 if chunk.sequence.is_decoding else PREFILL_COST * chunk.length
            self._waiting.serve(chunk.sequence.client, cost)

    def _check_guess(self, chunk: Chunk, logits: Logits, events: list[SequenceEvent]) -> None:
        """Take the tokens that the logits [1 + guessed, vocab_size] give, as long as the guess has the same.

        Where the two likeliest tokens are close, a plain step has to decide: kernels for several tokens round a
        little differently.
        """
        sequence, right = chunk.sequence, 0
        sequence.computed -= 1
        for row, guessed in zip(logits, (*chunk.guess, None), strict=True):
            if not is_clear(row):
                sequence.needs_plain_step = True
                break
            sequence.computed += 1
            if self._advance(sequence, row, events) != guessed:
                break
            right += 1
        self.decoded_tokens += right
        if sequence.lookup is not None:
            sequence.lookup.learn(len(chunk.guess), right)
        if sequence.id in self._running:
            self._decoder.truncate(sequence.slot, sequence.computed)

    def _tell_prompt(self, chunk: Chunk, echo: Echo, logits: Logits, events: list[SequenceEvent]) -> None:
        """Take the logits [length, vocab_size] of a piece of a prompt that is told back; tell it after the last."""
        sequence, rows = chunk.sequence, logits.reshape(-1, self._decoder.vocab_size)
        echo.take(sequence.computed - len(rows), rows)
        if sequence.remaining:
            return
        events.append(echo.told())
        sequence.echo = None
        if sequence.is_full:
            events.append(self._finish(sequence, "length"))
        else:
            self._advance(sequence, rows[-1], events)

    def _advance(self, sequence: Sequence, logits: Logits, events: list[SequenceEvent]) -> int:
        """Add one token to a sequence, tell what became final, end it when it is over. The token, -1 at the end."""
        try:
            token = sequence.sampler.sample(logits)
        except SparkError as error:
            events.append(self._fail(sequence, error))
            return -1
        sequence.append(token)
        reason: FinishReason | None = None
        if token in self._vocabulary.eos and not sequence.stop.ignore_eos:
            reason = "stop"
        else:
            logprob = None
            if sequence.logprobs is not None:
                logprob = token_logprob(logits, token, sequence.logprobs, self._vocabulary.piece)
            sequence.answer.push(token, logprob, may_stop=sequence.may_stop)
            done = sequence.answer.stopped or sequence.sampler.is_complete
            reason = "stop" if done else "length" if sequence.is_full else None
        delta = sequence.answer.release(final=reason is not None)
        if delta is not None:
            events.append(delta)
        if reason is not None:
            events.append(self._finish(sequence, reason))
            return -1
        return token

    def _finish(self, sequence: Sequence, reason: FinishReason) -> SequenceEvent:
        del self._running[sequence.id]
        self._slots.keep(sequence)
        return sequence.finished(reason)

    def _fail(self, sequence: Sequence, error: SparkError) -> SequenceEvent:
        del self._running[sequence.id]
        self._slots.drop(sequence)
        return failure(sequence.id, error)

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
