"""The key/value cache of the torch backend: every slot has buffers of its own, which grow with what it holds."""

from typing import Any

import torch

BLOCK = 128
GROWTH = 1.5

Tensor = Any


class LayerBuffers:
    """Keys and values of one slot in one layer, each [kv_heads, capacity, head_size]."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values

    @property
    def nbytes(self) -> int:
        """Bytes of both buffers."""
        return int(self.keys.nbytes + self.values.nbytes)

    def grow(self, capacity: int, used: int) -> None:
        """New buffers of `capacity` positions with the first `used` of the old ones."""
        self.keys = _moved(self.keys, capacity, used)
        self.values = _moved(self.values, capacity, used)

    def copy(self, length: int) -> "LayerBuffers":
        """Buffers of their own with the first `length` positions."""
        capacity = _rounded(length)
        return LayerBuffers(_moved(self.keys, capacity, length), _moved(self.values, capacity, length))


class SlotCache:
    """What a slot holds: `length` positions in every layer. `limit` is the most it may ever hold."""

    def __init__(self, limit: int) -> None:
        self.length = 0
        self._limit = limit
        self._layers: dict[int, LayerBuffers] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers."""
        return sum(layer.nbytes for layer in self._layers.values())

    @property
    def position_bytes(self) -> int:
        """Bytes of one position in all layers; the slot must hold something."""
        return sum(layer.nbytes // layer.keys.shape[1] for layer in self._layers.values())

    def put(self, layer: int, position: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write [kv_heads, count, head_size] from `position` on; the keys and values from 0 to there.

        What is written counts only when `length` is set, so a step that fails half way leaves no trace.
        """
        end = position + keys.shape[1]
        buffers = self._room(layer, position, end, keys, values)
        buffers.keys[:, position:end] = keys
        buffers.values[:, position:end] = values
        return buffers.keys[:, :end], buffers.values[:, :end]

    def copy(self, length: int) -> "SlotCache":
        """A slot that holds the first `length` positions of this one."""
        twin = SlotCache(self._limit)
        twin.length = min(length, self.length)
        twin._layers = {layer: buffers.copy(twin.length) for layer, buffers in self._layers.items()}
        return twin

    def _room(self, layer: int, used: int, end: int, keys: Tensor, values: Tensor) -> LayerBuffers:
        """The layer's buffers with at least `end` positions."""
        buffers = self._layers.get(layer)
        if buffers is None:
            capacity = min(self._limit, _rounded(end))
            buffers = LayerBuffers(_empty(keys, capacity), _empty(values, capacity))
            self._layers[layer] = buffers
        elif end > (held := buffers.keys.shape[1]):
            buffers.grow(min(self._limit, _rounded(max(end, int(held * GROWTH)))), used)
        return buffers


def room_for(length: int, limit: int) -> int:
    """Positions a slot's buffers have at most when it has grown to `length`, of `limit` it may ever have."""
    return min(limit, _rounded(int(length * GROWTH))) if length else 0


def _empty(like: Tensor, capacity: int) -> Tensor:
    heads, _, size = like.shape
    return torch.empty((heads, capacity, size), dtype=like.dtype, device=like.device)


def _moved(old: Tensor, capacity: int, used: int) -> Tensor:
    new = _empty(old, capacity)
    new[:, :used] = old[:, :used]
    return new


def _rounded(positions: int) -> int:
    return -(-max(1, positions) // BLOCK) * BLOCK
