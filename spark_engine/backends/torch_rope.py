"""Rotary factors of a long-rope model in transformers, set by Spark instead of by each run's largest position.

transformers chooses them anew in every run by the positions in it. A run of Spark holds a part of a sequence, often
of several, so the sequence's length has to decide.
"""

from typing import Any

import torch
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

KIND = "longrope"
_BY_HAND = "set by Spark"  # a kind that transformers does not update
_TRIED = 3  # a position of both sides


class LongRope:
    """The rotary modules of a model. `works` is False when one of them chooses its factors in another way."""

    def __init__(self, model: Any, original: int) -> None:
        self._modules = [m for m in model.modules() if getattr(m, "rope_type", None) == KIND]
        self._frequencies = [(_of(m, original), _of(m, original + 1)) for m in self._modules]
        theirs = [(_turned(m, [_TRIED]), _turned(m, [_TRIED, original])) for m in self._modules]
        for module in self._modules:
            module.rope_type = _BY_HAND
        self.works = bool(self._modules) and self._ours() == theirs
        self.use(is_long=False)

    def use(self, *, is_long: bool) -> None:
        """Compute the next runs with the long factors or the short ones."""
        for module, frequencies in zip(self._modules, self._frequencies, strict=True):
            module.inv_freq = frequencies[is_long]

    def _ours(self) -> list[tuple[list[float], list[float]]]:
        told = []
        for is_long in (False, True):
            self.use(is_long=is_long)
            told.append([_turned(module, [_TRIED]) for module in self._modules])
        return list(zip(*told, strict=True))


def _of(module: Any, length: int) -> Any:
    """Inverse frequencies for sequences of a length."""
    return ROPE_INIT_FUNCTIONS[KIND](module.config, module.inv_freq.device, seq_len=length)[0]


def _turned(module: Any, positions: list[int]) -> list[float]:
    """Cosines and sines of the first of some positions that are computed together."""
    with torch.inference_mode():
        parts = module(torch.zeros(1), torch.tensor([positions]))
    return [float(number) for part in parts for number in part[0, 0]]
