"""Reads one text with a transformers decoder for its hidden states, in buffers of its own."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spark_engine.backends.base import Hidden
from spark_engine.backends.torch_attention import Row, Step
from spark_engine.backends.torch_errors import memory_guard
from spark_engine.backends.torch_kv import SlotCache


class TorchReading:
    """A text of `length` tokens on its way through `model`, the part of it below the head.

    `prepare` is called before each run: others may have run in between.
    """

    def __init__(self, model: Any, folder: Path, length: int, prepare: Callable[[], None]) -> None:
        self._model, self._folder, self._prepare = model, folder, prepare
        self._cache = SlotCache(length)

    def add(self, tokens: Sequence[int]) -> Hidden:
        """Read on, in one run."""
        start, count = self._cache.length, len(tokens)
        self._prepare()
        with torch.inference_mode(), memory_guard(self._folder):
            output = self._model(
                input_ids=torch.tensor([list(tokens)]),
                position_ids=torch.arange(start, start + count)[None],
                use_cache=False,
                step=Step([Row(self._cache, start, count)]),
            )
            hidden: Hidden = output.last_hidden_state[0].float().numpy()
        self._cache.length = start + count
        return np.array(hidden)

    def close(self) -> None:
        """Drop the buffers."""
        self._cache = SlotCache(0)
