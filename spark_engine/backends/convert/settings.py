"""A model's `config.json` in one wording: numbers by name, and how positions are rotated."""

from typing import Any

from msgspec import Struct

from spark_engine.backends.convert.failures import unsupported

_TOP = ("original_max_position_embeddings", "partial_rotary_factor", "rope_theta")


class Settings(Struct, frozen=True):
    """What `config.json` says of the text model."""

    given: dict[str, Any]

    def number(self, key: str, otherwise: int | None = None) -> int:
        """A whole number; Unavailable when it is missing and there is no other."""
        value = self.given.get(key)
        value = otherwise if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise unsupported(f"its config.json has no {key}")
        return value

    def fraction(self, key: str, otherwise: float | None = None) -> float:
        """A number that may have a fraction."""
        value = self.given.get(key)
        value = otherwise if value is None else value
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise unsupported(f"its config.json has no {key}")
        return float(value)

    @property
    def layers(self) -> int:
        """How many there are."""
        return self.number("num_hidden_layers")

    @property
    def heads(self) -> int:
        """Attention heads."""
        return self.number("num_attention_heads")

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.number("num_key_value_heads", self.heads)

    @property
    def head_size(self) -> int:
        """Numbers of one head."""
        return self.number("head_dim", self.number("hidden_size") // self.heads)

    @property
    def window(self) -> int:
        """Positions that a layer with a sliding window looks back; 0 when none has one."""
        window = self.given.get("sliding_window")
        return window if self.given.get("use_sliding_window", True) and isinstance(window, int) else 0

    def rope(self, layers: str = "") -> dict[str, Any]:
        """How positions are rotated, newer and older wording as one: `rope_type`, `rope_theta`, and what it takes.

        `layers`: of this kind, where kinds differ (`full_attention`).
        """
        scaling = self.given.get("rope_parameters") or self.given.get("rope_scaling") or {}
        if layers and isinstance(scaling, dict):
            scaling = scaling.get(layers, scaling)
        named = {key: self.given[key] for key in _TOP if self.given.get(key) is not None}
        merged = {**named, **(scaling if isinstance(scaling, dict) else {})}
        merged["rope_type"] = str(merged.get("rope_type") or merged.get("type") or "default").lower()
        return merged
