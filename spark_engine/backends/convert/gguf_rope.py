"""How a model rotates positions, as GGUF's metadata and tensors."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.convert.failures import unsupported
from spark_engine.backends.convert.settings import Settings

Factors = dict[str, NDArray[np.float32]]
_LONG = ("longrope", "su")


def write_rope(writer: Any, settings: Settings, *, knows_long: bool) -> Factors:
    """Add the metadata; the tensors of factors that belong to it. Unavailable for a scaling GGUF cannot say.

    `knows_long`: whether llama.cpp computes long-rope for this family.
    """
    rope = settings.rope("full_attention")
    kind = rope["rope_type"]
    size = int(settings.head_size * float(rope.get("partial_rotary_factor") or 1.0))
    writer.add_rope_dimension_count(size)
    writer.add_rope_freq_base(float(rope.get("rope_theta") or 10000.0))
    match kind:
        case "default":
            return {}
        case "linear":
            _scaled(writer, rope, "linear")
            return {}
        case "yarn":
            _yarn(writer, rope)
            return {}
        case "llama3":
            return {"rope_freqs.weight": _llama3(rope, size)}
        case _ if kind in _LONG and knows_long:
            return _long(writer, settings, rope, size)
    raise unsupported(f"its positions are scaled by {kind[:40]!r}, which GGUF cannot say for this family")


def _scaled(writer: Any, rope: dict[str, Any], kind: str) -> None:
    from gguf import RopeScalingType

    writer.add_rope_scaling_type(RopeScalingType(kind))
    writer.add_rope_scaling_factor(_positive(rope, "factor"))


def _yarn(writer: Any, rope: dict[str, Any]) -> None:
    odd = [
        key
        for key in ("attention_factor", "mscale", "mscale_all_dim", "beta_fast", "beta_slow")
        if rope.get(key)
    ]
    if odd:
        raise unsupported(f"its YaRN scaling sets {', '.join(odd)}, which the converter does not carry over")
    _scaled(writer, rope, "yarn")
    writer.add_rope_scaling_orig_ctx_len(int(_positive(rope, "original_max_position_embeddings")))


def _llama3(rope: dict[str, Any], size: int) -> NDArray[np.float32]:
    """What each frequency is divided by: long waves by the factor, short ones by 1, between them smoothly."""
    factor, original = _positive(rope, "factor"), _positive(rope, "original_max_position_embeddings")
    low, high = _positive(rope, "low_freq_factor"), _positive(rope, "high_freq_factor")
    base = float(rope.get("rope_theta") or 10000.0)
    waves = 2 * math.pi * base ** (np.arange(0, size, 2, dtype=np.float64) / size)
    smooth = np.clip((original / waves - low) / (high - low), 0.0, 1.0)
    return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def _long(writer: Any, settings: Settings, rope: dict[str, Any], size: int) -> Factors:
    """Two sets of factors, for contexts within the original one and beyond."""
    longest = settings.number("max_position_embeddings")
    original = int(_positive(rope, "original_max_position_embeddings"))
    factors = {kind: rope.get(f"{kind}_factor") for kind in ("long", "short")}
    if any(not isinstance(one, list) or len(one) != size // 2 for one in factors.values()):
        raise unsupported(f"its long-rope factors are not {size // 2} each")
    grown = max(1.0, longest / original)
    attention = rope.get("attention_factor") or math.sqrt(1 + math.log(grown) / math.log(original))
    writer.add_rope_scaling_orig_ctx_len(original)
    writer.add_rope_scaling_attn_factors(float(attention))
    return {f"rope_factors_{kind}.weight": np.array(one, np.float32) for kind, one in factors.items()}


def _positive(rope: dict[str, Any], key: str) -> float:
    value = rope.get(key)
    if not isinstance(value, (int, float)) or value <= 0:
        raise unsupported(f"its position scaling has no {key}")
    return float(value)
