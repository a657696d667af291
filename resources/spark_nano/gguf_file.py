"""Writes the model as one GGUF file (q8_0 or float32) with tokenizer, chat template and rope factors inside."""

import json
import math
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

PARTS = {
    "self_attn.qkv_proj": "attn_qkv", "self_attn.o_proj": "attn_output", "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}  # fmt: skip


def _tensor_name(name: str) -> str:
    """GGUF's name for a transformers tensor."""
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in whole:
        return whole[name]
    _, _, layer, *part, _ = name.split(".")
    return f"blk.{layer}.{PARTS['.'.join(part)]}.weight"


def _shape(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    """Sizes and rope settings."""
    rope = config["rope_parameters"]
    head = config["hidden_size"] // config["num_attention_heads"]
    original, most = config["original_max_position_embeddings"], config["max_position_embeddings"]
    writer.add_context_length(most)
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_sliding_window(0)
    writer.add_rope_dimension_count(int(head * rope["partial_rotary_factor"]))
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_scaling_orig_ctx_len(original)
    writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(most / original) / math.log(original)))
    for kind in ("long", "short"):
        writer.add_tensor(f"rope_factors_{kind}.weight", np.array(rope[f"{kind}_factor"], dtype=np.float32))


def _tokenizer(writer: gguf.GGUFWriter, folder: Path) -> None:
    """Tokens, merges and the chat template."""
    made = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    special = {t["content"] for t in made["added_tokens"]}
    tokens = [t for t, _ in sorted(made["model"]["vocab"].items(), key=lambda item: item[1])]
    kinds = [gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in tokens]
    writer.add_tokenizer_model("gpt2")
    # Letters, punctuation and single digits apart; no merge holds a space, so its "space and word" cuts alike.
    writer.add_tokenizer_pre("deepseek-coder")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in made["model"]["merges"]])
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template((folder / "chat_template.jinja").read_text(encoding="utf-8"))


FILE_TYPES = {
    gguf.GGMLQuantizationType.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    gguf.GGMLQuantizationType.F32: gguf.LlamaFileType.ALL_F32,
}


def write_gguf(
    folder: Path, target: Path, kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.Q8_0
) -> None:
    """The SafeTensors folder as a GGUF file, its matrices in `kind`."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    writer = gguf.GGUFWriter(str(target), "phi3")
    writer.add_name("spark-nano")
    writer.add_license("mit")
    _shape(writer, config)
    _tokenizer(writer, folder)
    writer.add_file_type(FILE_TYPES[kind])
    for name, value in load_file(folder / "model.safetensors").items():
        weight = value.astype(np.float32)
        if weight.ndim == 1:
            writer.add_tensor(_tensor_name(name), weight)
        else:
            writer.add_tensor(_tensor_name(name), gguf.quants.quantize(weight, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
