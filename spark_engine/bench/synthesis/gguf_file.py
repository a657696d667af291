"""Writes a SafeTensors folder of Phi-3's architecture as one GGUF file in Q4_0, tensor by tensor."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spark_engine.bench.synthesis.shape import Shape, rope_factors
from spark_engine.bench.synthesis.vocabulary import SPECIAL, TEMPLATE, tokens_and_merges

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(source: Path, target: Path, shape: Shape, progress: Callable[[float], None]) -> None:
    """`source` as the file `target`; `progress` is told the fraction that is done."""
    import gguf

    writer = gguf.GGUFWriter(str(target), "phi3")
    _sizes(writer, shape)
    _tokens(writer, gguf, shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)
    for kind, factors in rope_factors(shape).items():
        _add_plain(writer, f"rope_factors_{kind.removesuffix('_factor')}.weight", factors)
    _add_weights(writer, gguf, source, progress)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _sizes(writer: Any, shape: Shape) -> None:
    writer.add_name("synthetic")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.mlp)
    writer.add_block_count(shape.layers)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_sliding_window(0)
    writer.add_rope_dimension_count(int(shape.head * shape.rotary))
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_scaling_orig_ctx_len(shape.original_context)
    growth = math.log(shape.context / shape.original_context) / math.log(shape.original_context)
    writer.add_rope_scaling_attn_factors(math.sqrt(1 + growth))


def _tokens(writer: Any, gguf: Any, size: int) -> None:
    tokens, merges = tokens_and_merges(size)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in SPECIAL else normal for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _add_weights(writer: Any, gguf: Any, source: Path, progress: Callable[[float], None]) -> None:
    from safetensors import safe_open

    kind = gguf.GGMLQuantizationType.Q4_0
    for file in sorted(source.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            names = list(tensors.keys())
            for done, name in enumerate(names):
                values = tensors.get_tensor(name).float().numpy()
                if values.ndim == 1:
                    _add_plain(writer, _gguf_name(name), values)
                else:
                    writer.add_tensor(_gguf_name(name), gguf.quants.quantize(values, kind), raw_dtype=kind)
                progress((done + 1) / len(names))


def _add_plain(writer: Any, name: str, values: Any) -> None:
    import numpy as np

    writer.add_tensor(name, np.asarray(values, np.float32))


def _gguf_name(name: str) -> str:
    """GGUF's name for a transformers tensor: `model.layers.3.mlp.down_proj.weight` is `blk.3.ffn_down.weight`."""
    plain = name.removesuffix(".weight")
    if plain in NAMES:
        return f"{NAMES[plain]}.weight"
    _, _, layer, part = plain.split(".", 3)
    return f"blk.{layer}.{NAMES[part]}.weight"
