"""The architecture of spark-nano: Phi-4-mini's in small."""

from transformers import Phi3Config

VOCABULARY = 1024


def config() -> Phi3Config:
    """Phi-4-mini's architecture in small."""
    factors = 24
    return Phi3Config(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=7,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        original_max_position_embeddings=4096,
        partial_rotary_factor=0.75,
        rope_theta=10000.0,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        rope_scaling={
            "type": "longrope",
            "short_factor": [1.0] * factors,
            "long_factor": [1.0 + i / (factors - 1) for i in range(factors)],
        },
        bos_token_id=0,
        eos_token_id=[0, 1],
        pad_token_id=0,
    )
