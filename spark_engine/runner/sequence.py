"""A sequence: one generation in the runner, from its prompt to its last token."""

from time import perf_counter

from spark_engine.backends.base import Logits
from spark_engine.backends.cutting import next_piece
from spark_engine.protocol.messages import SequenceFinished
from spark_engine.runner.answer import Answer
from spark_engine.runner.echo import Echo
from spark_engine.runner.lookup import Lookup
from spark_engine.runner.sampler import Sampler
from spark_engine.types.generation import FinishReason, GenerationRequest, Truncation


class Times:
    """When a sequence passed its stations, in seconds of the monotonic clock; 0 means not yet."""

    def __init__(self) -> None:
        self.submitted = perf_counter()
        self.prefill = self.first_token = self.last_token = 0.0

    @property
    def queue_ms(self) -> float:
        """From Submit to a slot, or to now when it got none."""
        return ((self.prefill or perf_counter()) - self.submitted) * 1000

    @property
    def prefill_ms(self) -> float:
        """From a slot, which may have to be filled with what another sequence computed, to the first token."""
        return max(0.0, self.first_token - self.prefill) * 1000

    @property
    def decode_ms(self) -> float:
        """From the first token to the last."""
        return (self.last_token - self.first_token) * 1000


class Sequence:
    """One generation. `tokens` is prompt and answer together, `computed` how many of them its slot holds.

    `cached`: tokens of the prompt that another sequence had computed. `is_long`: whether its slot is computed as one
    beyond the original context. `echo`: the prompt, as long as it is to be told. `arrival`: its place in the queue.

    Tokens before `pieces_until` are read several at a time, as they are known, those behind it one at a time, as they
    come. The first `exact` of those computed were computed so; others were guessed, or read anew after others had
    needed the slot. `is_redone`: those are being computed again, as the next token was `doubtful`, which logits say.
    """

    def __init__(
        self,
        request: GenerationRequest,
        prompt: list[int],
        *,
        limit: int,
        sampler: Sampler,
        answer: Answer,
        echo: Echo | None = None,
        truncation: Truncation | None = None,
    ) -> None:
        self.id, self.client, self.priority = request.id, request.client, request.priority
        self.deadline_s = request.deadline_s
        self.stop, self.logprobs = request.stop, request.sampling.logprobs
        self.tokens, self.prompt_length, self.limit = prompt, len(prompt), limit
        self.sampler, self.answer, self.echo = sampler, answer, echo
        self.truncation = truncation
        self.lookup = Lookup() if sampler.greedy and self.logprobs is None else None
        self.computed = self.exact = self.cached = 0
        self.pieces_until = len(prompt)
        self.doubtful: Logits | None = None
        self.is_long = False
        self.slot = self.arrival = -1
        self.served_at = 0
        self.times = Times()

    @property
    def is_decoding(self) -> bool:
        """Whether each step computes one token: all others are computed, or are being computed again."""
        return self.remaining == 1 or (self.is_redone and self.computed >= self.pieces_until)

    @property
    def is_redone(self) -> bool:
        """Whether a token of the answer waits for those before it to be computed again."""
        return self.doubtful is not None

    @property
    def needs_lead(self) -> bool:
        """Whether what is computed is only nearly what it is to be, so that only a clear lead decides."""
        return self.exact < self.computed and self.sampler.greedy

    @property
    def remaining(self) -> int:
        """Tokens that are known but not yet computed."""
        return len(self.tokens) - self.computed

    @property
    def answer_length(self) -> int:
        """Tokens of the answer so far, the one that ended it included."""
        return len(self.tokens) - self.prompt_length

    @property
    def is_full(self) -> bool:
        """Whether the answer may not grow further."""
        return len(self.tokens) >= self.limit

    @property
    def wants_prompt_logits(self) -> bool:
        """Whether logits are wanted after every token of its prompt, so that nothing of it may be taken over."""
        return self.echo is not None and self.echo.wants_logits

    def piece(self, most: int) -> int:
        """How many of its next tokens to compute, at most about `most`."""
        if self.echo is not None and self.echo.wants_logits:
            most = min(most, self.echo.longest_piece)
        return next_piece(self.pieces_until - self.computed if self.is_redone else self.remaining, most)

    def took(self, count: int) -> None:
        """Note that `count` tokens were computed together."""
        end = self.computed + count
        is_as_told = count == 1 if self.computed >= self.pieces_until else end <= self.pieces_until
        if is_as_told and self.exact == self.computed:
            self.exact = end
        self.computed = end

    def begin_at(self, length: int, *, anew: bool = False) -> None:
        """Note that its slot holds its first `length` tokens. `anew`: all it has now is to be read like a prompt."""
        self.computed = self.exact = length
        if anew:
            self.pieces_until, self.doubtful = len(self.tokens), None

    @property
    def may_stop(self) -> bool:
        """Whether stop strings count yet."""
        return self.answer_length >= self.stop.min_tokens

    def is_late(self, now: float) -> bool:
        """Whether its deadline has passed."""
        return self.deadline_s is not None and now > self.times.submitted + self.deadline_s

    def begin(self) -> None:
        """Note that it gets a slot; what comes now is its prefill."""
        self.times.prefill = self.times.prefill or perf_counter()

    def lose_slot(self) -> None:
        """Forget what was computed: it has to wait for a slot again."""
        self.slot, self.doubtful = -1, None
        self.begin_at(0)

    def append(self, token: int) -> None:
        """Add a token of the answer."""
        self.tokens.append(token)
        self.times.last_token = perf_counter()
        if not self.times.first_token:
            self.times.first_token = self.times.last_token

    def finished(self, reason: FinishReason) -> SequenceFinished:
        """The event that tells the end."""
        t = self.times
        lengths = (self.prompt_length, self.answer_length, self.cached)
        return SequenceFinished(self.id, reason, *lengths, t.queue_ms, t.prefill_ms, t.decode_ms)
