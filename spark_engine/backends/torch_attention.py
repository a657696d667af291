"""Attention for rows of different lengths in one run: their tokens stand in one line, each row looks at its own past.

The layers around it see one sequence [1, tokens] and never mix tokens; only attention does, and it is this one.
So decode steps and prefill chunks share a run, nothing is padded, and no row can see another.
"""

from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from spark_engine.backends.torch_kv import SlotCache, Tensor

NAME = "spark_rows"
# Harmless companions of a call; anything else that is given would change the result and is not known here.
_KNOWN = frozenset(("position_ids", "use_cache", "is_causal", "output_attentions", "output_hidden_states"))


class Row(NamedTuple):
    """Tokens of one slot: `length` of them, at positions `position`, `position + 1`, …"""

    cache: SlotCache
    position: int
    length: int


class Step:
    """The rows of one run, in the order of their tokens."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._masks: dict[tuple[int, int, int], Tensor] = {}

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float | None, window: int
    ) -> Tensor:
        """The output [tokens, heads, size] for query [heads, tokens, size], key and value of kv_heads.

        Remembers keys and values. `window`: how many positions a token sees, itself included; 0 means all.
        """
        outputs, begin = [], 0
        for row in self._rows:
            here = slice(begin, begin + row.length)
            keys, values = row.cache.put(layer, row.position, key[:, here], value[:, here])
            output = self._look(row, query[:, here], keys, values, scale, window)
            outputs.append(output.transpose(0, 1))
            begin += row.length
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _look(
        self, row: Row, query: Tensor, keys: Tensor, values: Tensor, scale: float | None, window: int
    ) -> Tensor:
        """One row. Query heads that share a key head become its rows, which spares copies of keys and values."""
        heads, count, size = query.shape
        is_windowed = 0 < window < row.position + count
        if row.position == 0 and not is_windowed:
            grouped = heads != keys.shape[0]
            told = (query[None], keys[None], values[None])
            return scaled_dot_product_attention(*told, scale=scale, is_causal=True, enable_gqa=grouped)[0]
        mask = None if count == 1 and not is_windowed else self._mask(row, heads // keys.shape[0], window)
        shared = query.reshape(1, keys.shape[0], -1, size)
        output = scaled_dot_product_attention(shared, keys[None], values[None], attn_mask=mask, scale=scale)
        return output.reshape(heads, count, -1)

    def _mask(self, row: Row, repeats: int, window: int) -> Tensor:
        """True where a token may look, [repeats * count, positions]; made once for all layers alike."""
        about = (id(row.cache), repeats, window)
        if about not in self._masks:
            end = row.position + row.length
            places, own = torch.arange(end), torch.arange(row.position, end)[:, None]
            mask = places <= own
            if window:
                mask &= places > own - window
            self._masks[about] = mask.repeat(repeats, 1)
        return self._masks[about]


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: object,
    *,
    step: Step,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **others: object,
) -> tuple[Tensor, None]:
    """What transformers calls in every layer: query [1, heads, tokens, size] to output [1, tokens, heads, size]."""
    strange = [name for name, given in others.items() if given is not None and name not in _KNOWN]
    if attention_mask is not None or dropout or not getattr(module, "is_causal", True):
        strange.append("a mask of its own")
    if strange:
        raise NotImplementedError(f"its attention needs {', '.join(strange)}")
    told = step.attend(module.layer_idx, query[0], key[0], value[0], scaling, sliding_window or 0)
    return told[None], None


AttentionInterface.register(NAME, _attention)
