"""Chooses the next token of one sequence from its logits. The options mean what they mean in vLLM."""

import math

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.base import Logits
from spark_engine.errors import SparkError
from spark_engine.runner.selection import choose
from spark_engine.types.generation import SamplingOptions, StopRules

GREEDY_BELOW = 1e-5


class Sampler:
    """The sampling state of one sequence: its random numbers and the tokens it has seen.

    Same logits, options and seed give the same tokens, whatever else runs. `prompt` counts for the repetition
    penalty; presence and frequency penalties count the answer only.
    """

    def __init__(
        self, options: SamplingOptions, stop: StopRules, *, prompt: list[int], eos: frozenset[int]
    ) -> None:
        self._options = options
        self.greedy = options.temperature < GREEDY_BELOW
        self._random = None if self.greedy else np.random.Generator(np.random.PCG64(options.seed))
        self._bias = _arrays(options.logit_bias)
        self._eos = np.fromiter(eos, np.int64) if eos and (stop.ignore_eos or stop.min_tokens) else None
        self._eos_allowed_from = math.inf if stop.ignore_eos else stop.min_tokens
        self._seen = np.unique(np.asarray(prompt, np.int64)) if options.repetition_penalty != 1.0 else None
        self._counts: dict[int, int] = {}
        self._sampled = 0
        self._counting = bool(options.presence_penalty or options.frequency_penalty) or self._seen is not None

    def sample(self, logits: Logits) -> int:
        """The next token. SparkError `bad_logits` when the logits are not numbers."""
        adjusted = self._adjusted(logits)
        best = int(adjusted.argmax())
        peak = float(adjusted[best])
        if not math.isfinite(peak):
            raise _bad_logits()
        token = best
        if self._random is not None:
            token = choose(adjusted, peak, self._options, self._random.random())
        self._sampled += 1
        if self._counting:
            self._counts[token] = self._counts.get(token, 0) + 1
        return token

    def _adjusted(self, logits: Logits) -> Logits:
        """The logits after bias, suppressed end and penalties; the very same array when none applies."""
        suppress = self._eos if self._sampled < self._eos_allowed_from else None
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


def _bad_logits() -> SparkError:
    return SparkError(
        "bad_logits",
        "The model computed no usable numbers",
        "The model's output for this request is not finite, so no token can be chosen.",
        "Try again; if it happens again, verify the model's files or choose another variant.",
    )
