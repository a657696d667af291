"""What Ollama's layers say of a model besides its weights: its licence, and how its makers advise to sample."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spark_engine.catalog.stores.reading import read_as, read_text
from spark_engine.types.generation import SamplingOptions

_RANGES: dict[str, tuple[str, float, float]] = {
    "temperature": ("temperature", 0.0, 5.0),
    "top_p": ("top_p", 0.01, 1.0),
    "min_p": ("min_p", 0.0, 1.0),
    "repeat_penalty": ("repetition_penalty", 0.1, 10.0),
    "presence_penalty": ("presence_penalty", -2.0, 2.0),
    "frequency_penalty": ("frequency_penalty", -2.0, 2.0),
}
"""Ollama's word, Spark's, and the least and largest value that is taken over."""


def licence(files: Iterable[Path]) -> str:
    """The heading of the first licence, as in `MIT License`; empty when there is none."""
    texts = (read_text(file, 4096) or "" for file in files)
    lines = (line.strip() for text in texts for line in text.splitlines())
    return next((line[:80] for line in lines if line and line.isprintable()), "")


def sampling(files: Iterable[Path]) -> SamplingOptions:
    """The advised options; those that make no sense are left out."""
    given: dict[str, Any] = {}
    for file in files:
        given |= read_as(dict[str, Any], file) or {}
    known: dict[str, Any] = {
        ours: float(given[theirs])
        for theirs, (ours, least, most) in _RANGES.items()
        if _is_number(given.get(theirs)) and least <= given[theirs] <= most
    }
    top_k = given.get("top_k")
    if isinstance(top_k, int) and not isinstance(top_k, bool) and 0 <= top_k <= 1000:
        known["top_k"] = top_k
    return SamplingOptions(**known)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
