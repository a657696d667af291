"""Draws a token from logits: temperature, top_k, min_p, top_p. Selects partially instead of sorting everything."""

import math

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.base import Logits
from spark_engine.types.generation import SamplingOptions

Ids = NDArray[np.int64]
_FLOORS = (1e-2, 1e-4, 0.0)
_BLOCK = 512
_GROUP, _LARGE = 128, 16_384
_LOWEST = np.float32(-np.inf)


def choose(logits: Logits, peak: float, options: SamplingOptions, uniform: float) -> int:
    """The token that `uniform` (0 ≤ u < 1) picks. `peak` is the largest logit, and finite."""
    ids = most_likely(logits, options.top_k) if 0 < options.top_k < len(logits) else None
    weights = _weights(logits if ids is None else logits[ids], peak, options.temperature)
    if options.min_p > 0.0:
        kept = np.flatnonzero(weights >= min(options.min_p, 1.0))
        ids, weights = _of(ids, kept), weights[kept]
    if options.top_p < 1.0:
        kept = nucleus(weights, options.top_p)
        ids, weights = _of(ids, kept), weights[kept]
    place = _pick(weights, uniform)
    return place if ids is None else int(ids[place])


def lead(logits: Logits, allowed: NDArray[np.bool_] | None = None) -> float:
    """By how much the largest logit leads the second, of those allowed; infinite where there is no second."""
    values = logits if allowed is None else logits[allowed]
    if len(values) < 2:
        return math.inf
    best = int(values.argmax())
    second = max(values[:best].max(initial=_LOWEST), values[best + 1 :].max(initial=_LOWEST))
    return math.inf if second == _LOWEST else float(values[best]) - float(second)


def most_likely(logits: Logits, count: int) -> Ids:
    """The ids of the `count` largest logits, in order of id; all that tie with the last one come along."""
    if len(logits) < _LARGE or count > len(logits) // _GROUP // 4:
        return np.flatnonzero(logits >= _border(logits, count))
    ids = _candidates(logits, count)
    values = logits[ids]
    return ids[values >= _border(values, count)]


def _candidates(logits: Logits, count: int) -> Ids:
    """The ids of all logits as large as the `count`-th largest group's largest: the `count` largest are among them."""
    whole = len(logits) // _GROUP * _GROUP
    groups = logits[:whole].reshape(-1, _GROUP)
    largest = groups.max(axis=1)
    floor = _border(largest, count)
    picked = np.flatnonzero(largest >= floor)
    members = np.flatnonzero(groups[picked].ravel() >= floor)
    inside = picked[members // _GROUP] * _GROUP + members % _GROUP
    return np.concatenate([inside, whole + np.flatnonzero(logits[whole:] >= floor)])


def _border(values: Logits, count: int) -> np.float32:
    """The `count`-th largest value."""
    place = len(values) - count
    border: np.float32 = np.partition(values, place)[place]
    return border


def nucleus(weights: Logits, share: float) -> Ids:
    """The fewest places, heaviest first, whose weights sum to at least `share` of all, in order of place.

    All that tie with the lightest of them come along. Never empty.
    """
    goal = share * float(weights.sum(dtype=np.float64))
    top = float(weights.max())
    for floor in _FLOORS:
        likely = weights[weights >= top * floor]
        if floor == 0.0 or float(likely.sum(dtype=np.float64)) >= goal:
            break
    ordered = np.sort(likely)[::-1]
    cut = int(np.searchsorted(np.cumsum(ordered, dtype=np.float64), goal))
    return np.flatnonzero(weights >= ordered[min(cut, len(ordered) - 1)])


def _weights(logits: Logits, peak: float, temperature: float) -> Logits:
    with np.errstate(over="ignore"):
        scaled: Logits = (logits - np.float32(peak)) / np.float32(temperature)
    return np.exp(scaled, out=scaled)


def _pick(weights: Logits, uniform: float) -> int:
    """The place where the running sum of the weights passes `uniform` of the whole; block by block, then inside."""
    starts = np.arange(0, len(weights), _BLOCK)
    sums = np.cumsum(np.add.reduceat(weights, starts, dtype=np.float64))
    goal = uniform * sums[-1]
    block = _passing(sums, goal)
    begin = int(starts[block])
    inside = np.cumsum(weights[begin : begin + _BLOCK], dtype=np.float64)
    return begin + _passing(inside, goal - (float(sums[block - 1]) if block else 0.0))


def _passing(sums: NDArray[np.float64], goal: float) -> int:
    """The first place whose running sum is larger than `goal`; the last that adds anything when rounding left none."""
    place = int(np.searchsorted(sums, goal, side="right"))
    return place if place < len(sums) else int(np.searchsorted(sums, sums[-1]))


def _of(ids: Ids | None, kept: Ids) -> Ids:
    return kept if ids is None else ids[kept]
