"""Runs an ONNX session on neighbouring rows of the cache, binding as little anew as possible."""

from typing import Any

import numpy as np
import onnxruntime as ort
from msgspec import Struct
from numpy.typing import NDArray

from spark_engine.backends.base import Logits
from spark_engine.backends.onnx_config import OnnxConfig
from spark_engine.backends.onnx_kv import KeyValueCache, Window

Ints = NDArray[np.int64]
MASK_BLOCK = 64
MAX_CHUNK = 512
"""Tokens of one run at most, so that a step can be left soon."""
_KEPT = 32


class Angles(Struct, frozen=True):
    """Inputs of rotary angles by name, [positions, half of what is turned of a head], for sequences up to the original
    context, and for longer ones."""

    short: dict[str, NDArray[np.float32]]
    long: dict[str, NDArray[np.float32]]


class RunParts(Struct, frozen=True):
    """What runs need to know of a model. `last_only`: it gives logits of the last token alone."""

    config: OnnxConfig
    logits_dtype: type[np.generic]
    last_only: bool
    takes_positions: bool
    angles: Angles | None = None

    def turning(self, *, is_long: bool) -> dict[str, NDArray[Any]]:
        """The inputs of rotary angles, for a model that has to be given them."""
        if self.angles is None:
            return {}
        return dict(self.angles.long if is_long else self.angles.short)


class BoundWindow:
    """One window of the cache bound to a session: past and present are the same memory."""

    def __init__(
        self, session: ort.InferenceSession, config: OnnxConfig, cache: KeyValueCache, window: Window
    ) -> None:
        self._session = session
        self._binding = session.io_binding()
        self._bound: dict[str, NDArray[Any]] = {}
        inputs = _layer_names(config, config.past_key, config.past_value)
        outputs = _layer_names(config, config.present_key, config.present_value)
        for past, present, buffer in zip(inputs, outputs, cache.buffers, strict=True):
            rows = buffer[window.first : window.first + window.count]
            self._bind_input(past, rows)
            self._bind_output(present, rows)

    def run(self, inputs: dict[str, NDArray[Any]], outputs: dict[str, NDArray[Any]]) -> None:
        """Compute; the results are written into `outputs`. Arrays seen in the last run are not bound again."""
        for name, array in inputs.items():
            if self._bound.get(name) is not array:
                self._bind_input(name, array)
        for name, array in outputs.items():
            if self._bound.get(name) is not array:
                self._bind_output(name, array)
        self._session.run_with_iobinding(self._binding)

    def _bind_input(self, name: str, array: NDArray[Any]) -> None:
        self._binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        self._bound[name] = array

    def _bind_output(self, name: str, array: NDArray[Any]) -> None:
        self._binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        self._bound[name] = array


class Bindings:
    """The bound windows of one cache; all are dropped when its buffers become new ones."""

    def __init__(self, session: ort.InferenceSession, config: OnnxConfig, cache: KeyValueCache) -> None:
        self._session, self._config, self._cache = session, config, cache
        self._version = cache.version
        self._windows: dict[Window, BoundWindow] = {}

    def __getitem__(self, window: Window) -> BoundWindow:
        """The bound window, bound now when it is not yet."""
        if self._version != self._cache.version or len(self._windows) >= _KEPT:
            self._windows.clear()
            self._version = self._cache.version
        if window not in self._windows:
            self._windows[window] = BoundWindow(self._session, self._config, self._cache, window)
        return self._windows[window]


def _layer_names(config: OnnxConfig, key: str, value: str) -> list[str]:
    return [name % layer for layer in range(config.layers) for name in (key, value)]


def float32(logits: NDArray[Any]) -> Logits:
    """Logits as samplers take them."""
    return logits.astype(np.float32, copy=False)
