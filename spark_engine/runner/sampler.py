"""Chooses the next token of one sequence from its logits. The options mean what they mean in vLLM."""

import math

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.base import Logits
from spark_engine.errors import SparkError
from spark_engine.runner.grammar_mask import Allowed, Constraint
from spark_engine.runner.selection import choose, lead
from spark_engine.types.generation import SamplingOptions, StopRules

GREEDY_BELOW = 1e-5
FEW = 4096
"""Up to so many allowed tokens are picked out; more are masked."""


class Sampler:
    """The sampling state of one sequence: its random numbers and the tokens it has seen.

    Same logits, options and seed give the same tokens, whatever else runs. `prompt` counts for the repetition
    penalty; presence and frequency penalties count the answer only. `constraint` may be set until the first token.
    """

    def __init__(
        self,
        options: SamplingOptions,
        stop: StopRules,
        *,
        prompt: list[int],
        eos: frozenset[int],
        constraint: Constraint | None = None,
    ) -> None:
        self._options, self.constraint = options, constraint
        self.greedy = options.temperature < GREEDY_BELOW
        self._random = None if self.greedy else np.random.Generator(np.random.PCG64(_seed(options.seed)))
        self._bias = _arrays(options.logit_bias)
        self._eos = np.fromiter(eos, np.int64) if eos and (stop.ignore_eos or stop.min_tokens) else None
        self._eos_allowed_from = math.inf if stop.ignore_eos else stop.min_tokens
        self._seen = np.unique(np.asarray(prompt, np.int64)) if options.repetition_penalty != 1.0 else None
        self._counts: dict[int, int] = {}
        self._sampled = 0
        self._counting = bool(options.presence_penalty or options.frequency_penalty) or self._seen is not None

    @property
    def is_complete(self) -> bool:
        """Whether the answer's grammar lets nothing follow but an end."""
        return self.constraint is not None and self.constraint.is_complete

    def sample(self, logits: Logits) -> int:
        """The next token. SparkError `bad_logits` when the logits are not numbers, `grammar_too_complex` when a
        grammar cannot go on.
        """
        mask = None if self.constraint is None else self.constraint.allowed(len(logits))
        adjusted = self._adjusted(logits, mask)
        token = self._pick(adjusted) if mask is None else self._pick_allowed(adjusted, mask)
        if self.constraint is not None:
            self.constraint.accept(token)
        self._sampled += 1
        if self._counting:
            self._counts[token] = self._counts.get(token, 0) + 1
        return token

    def is_sure(self, logits: Logits, rounding: float) -> bool:
        """Whether the likeliest token that may come next leads by at least `rounding`, in logits before penalties."""
        mask = None if self.constraint is None else self.constraint.allowed(len(logits))
        penalty = self._options.repetition_penalty
        return not lead(self._adjusted(logits, mask), mask) < rounding * max(penalty, 1 / penalty)

    def _pick(self, logits: Logits) -> int:
        best = int(logits.argmax())
        peak = float(logits[best])
        if not math.isfinite(peak):
            raise _bad_logits()
        if self._random is None:
            return best
        return choose(logits, peak, self._options, self._random.random())

    def _pick_allowed(self, logits: Logits, mask: Allowed) -> int:
        """As `_pick`, among what a mask allows: over few tokens or over all, whichever is less work."""
        if self._random is None and mask[best := int(logits.argmax())] and math.isfinite(logits[best]):
            return best
        if np.count_nonzero(mask) <= FEW:
            ids = np.flatnonzero(mask)
            return int(ids[self._pick(logits[ids])])
        return self._pick(np.where(mask, logits, np.float32(-np.inf)))

    def _adjusted(self, logits: Logits, mask: Allowed | None) -> Logits:
        """The logits after bias, suppressed end and penalties; the very same array when none applies."""
        suppress = self._eos if self._sampled < self._eos_allowed_from else None
        if suppress is not None and mask is not None and np.count_nonzero(mask) <= mask[suppress].sum():
            suppress = None  # a grammar that only lets the answer end is stronger
        if self._bias is None and suppress is None and not self._counting:
            return logits
        changed = logits.copy()
        if self._bias is not None:
            changed[self._bias[0]] += self._bias[1]
        if suppress is not None:
            changed[suppress] = -np.inf
        if self._counting:
            self._penalise(changed)
        return changed

    def _penalise(self, logits: Logits) -> None:
        options = self._options
        counts = _arrays(self._counts)
        if self._seen is not None:
            seen = self._seen if counts is None else np.union1d(self._seen, counts[0])
            values = logits[seen]
            penalty = np.float32(options.repetition_penalty)
            logits[seen] = np.where(values > 0, values / penalty, values * penalty)
        if counts is not None:
            ids, times = counts
            logits[ids] -= times * np.float32(options.frequency_penalty) + np.float32(
                options.presence_penalty
            )


def _arrays(values: dict[int, float] | dict[int, int]) -> tuple[NDArray[np.int64], Logits] | None:
    """Keys and values as arrays; None when there are none."""
    if not values:
        return None
    return np.fromiter(values.keys(), np.int64), np.fromiter(values.values(), np.float32)


def _seed(seed: int | None) -> int | None:
    """A seed as numpy takes it: not negative."""
    return None if seed is None else seed % 2**64


def _bad_logits() -> SparkError:
    return SparkError(
        "bad_logits",
        "The model computed no usable numbers",
        "The model's output for this request is not finite, so no token can be chosen.",
        "Try again; if it happens again, verify the model's files or choose another variant.",
    )
