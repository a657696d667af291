"""The families of models that Spark can write as GGUF: what their configuration calls them, and what GGUF does."""

GGUF_FAMILIES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "llama",
    "Phi3ForCausalLM": "phi3",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "GemmaForCausalLM": "gemma",
    "Gemma2ForCausalLM": "gemma2",
    "Gemma3ForCausalLM": "gemma3",
    "SmolLM3ForCausalLM": "smollm3",
}
NAMES = "Llama, Mistral, SmolLM, Phi-3 and Phi-4-mini, Qwen2, Qwen3, Gemma, Gemma 2 and Gemma 3 (text)"
"""The same for people."""
