"""Small models with random weights of every family that Spark writes as GGUF, made with transformers."""

from pathlib import Path
from typing import Any

from spark_engine.bench.synthesis.vocabulary import write_tokenizer

VOCABULARY = 1024
FIRST_WORD = 300
"""Ids from here on are ordinary words."""
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 0,
}


def _rope(kind: str, **more: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **more}}


_LONG = {
    "short_factor": [1.0 + 0.02 * place for place in range(12)],
    "long_factor": [1.0 + place for place in range(12)],
    "partial_rotary_factor": 0.75,
    "original_max_position_embeddings": 256,
}
_WAVES = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
_WINDOW = {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 16}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {}),
    "llama-tied-with-bias": ("LlamaConfig", {"tie_word_embeddings": True, "attention_bias": True}),
    "llama-3": ("LlamaConfig", _rope("llama3", factor=8.0, **_WAVES)),
    "llama-linear": ("LlamaConfig", _rope("linear", factor=4.0)),
    "llama-yarn": ("LlamaConfig", _rope("yarn", factor=4.0, original_max_position_embeddings=128)),
    "mistral": ("MistralConfig", {"sliding_window": None, "head_dim": 64}),
    "phi3-long": ("Phi3Config", {"original_max_position_embeddings": 256, **_rope("longrope", **_LONG)}),
    "phi3": ("Phi3Config", {"original_max_position_embeddings": 512}),
    "qwen2": ("Qwen2Config", {}),
    "qwen3": ("Qwen3Config", {"head_dim": 64}),
    "gemma": ("GemmaConfig", {"head_dim": 32, "hidden_activation": "gelu_pytorch_tanh"}),
    "gemma2": ("Gemma2Config", _WINDOW),
    "gemma3": ("Gemma3TextConfig", {**_WINDOW, "num_hidden_layers": 7}),
    "smollm3": ("SmolLM3Config", {"num_hidden_layers": 5}),
}


def write_family(name: str, folder: Path, **more: Any) -> Any:
    """Write the model as a SafeTensors folder; transformers' model, which computes what is right."""
    import torch
    import transformers

    kind, settings = FAMILIES[name]
    torch.manual_seed(1)
    config = getattr(transformers, kind)(**{**_SIZES, **settings, **more})
    model = transformers.AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation="eager"
    )
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.normal_(0.0, (1.2 / weight.shape[1]) ** 0.5)
            else:
                weight.add_(0.2 * torch.randn_like(weight))
    transformers.logging.disable_progress_bar()
    model.eval().save_pretrained(folder)
    write_tokenizer(folder, VOCABULARY)
    return model
