"""The shapes of the synthetic models. Standard library only."""

from typing import Any, NamedTuple


class Shape(NamedTuple):
    """A Phi-3 architecture; `rotary` is the share of each head that is rotated."""

    hidden: int
    mlp: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    context: int = 131072
    original_context: int = 4096
    rotary: float = 0.75

    @property
    def head(self) -> int:
        """Size of one attention head."""
        return self.hidden // self.heads

    @property
    def parameters(self) -> int:
        """Weights of the matrices; the embedding is also the output."""
        attention = self.hidden * (2 * self.hidden + 2 * self.kv_heads * self.head)
        return self.vocabulary * self.hidden + self.layers * (attention + 3 * self.hidden * self.mlp)


SHAPES = {
    "quarter": Shape(hidden=3072, mlp=8192, layers=8, heads=24, kv_heads=8, vocabulary=50016),
    "tiny": Shape(hidden=256, mlp=512, layers=2, heads=4, kv_heads=2, vocabulary=2048),
}
"""`quarter` has Phi-4-mini's layers, a quarter as many, and a quarter of its vocabulary."""

TITLES = {"quarter": "quarter-size Phi-4-mini", "tiny": "tiny Phi-3"}


def rope_factors(shape: Shape) -> dict[str, list[float]]:
    """Long-rope factors for short and long contexts: one a rotated pair."""
    count = int(shape.head * shape.rotary) // 2
    return {
        "short_factor": [1.0] * count,
        "long_factor": [1.0 + 31.0 * place / (count - 1) for place in range(count)],
    }


def hf_config(shape: Shape) -> dict[str, Any]:
    """The arguments of transformers' Phi3Config."""
    return {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.mlp,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "max_position_embeddings": shape.context,
        "original_max_position_embeddings": shape.original_context,
        "partial_rotary_factor": shape.rotary,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
        "rope_scaling": {"type": "longrope", **rope_factors(shape)},
        "bos_token_id": 0,
        "eos_token_id": [0, 1],
        "pad_token_id": 0,
    }
