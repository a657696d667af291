"""A small model with random weights that switches its rotary factors after ORIGINAL tokens, and what it should say."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.parity.reference import open_reference

ORIGINAL, LONGEST = 256, 1024  # llama.cpp knows contexts in steps of 256 only
HEAD, ROTARY = 64, 0.75
SPREAD = 0.12  # of the weights, so that logits differ by whole numbers


def write_switching(folder: Path, tokenizer: Path) -> Path:
    """The model as a SafeTensors folder, with the tokenizer of another one."""
    import torch
    from transformers import Phi3Config, Phi3ForCausalLM

    pairs = int(HEAD * ROTARY) // 2
    vocabulary = json.loads((tokenizer / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    config = Phi3Config(
        vocab_size=vocabulary, hidden_size=2 * HEAD, intermediate_size=4 * HEAD, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=LONGEST,
        original_max_position_embeddings=ORIGINAL, partial_rotary_factor=ROTARY, rms_norm_eps=1e-5,
        initializer_range=SPREAD, tie_word_embeddings=True, bos_token_id=0, eos_token_id=[0, 1], pad_token_id=0,
        rope_scaling={
            "type": "longrope",
            "short_factor": [1.0 + 0.1 * math.sin(i) ** 2 for i in range(pairs)],
            "long_factor": [1.5 + i / 4 for i in range(pairs)],
        },
    )  # fmt: skip
    torch.manual_seed(11)
    Phi3ForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tokenizer / name, folder)
    return folder


class Truth:
    """What transformers says after a sequence of tokens that it sees whole, with nothing remembered."""

    def __init__(self, folder: Path) -> None:
        self.model = open_reference(folder)
        self.vocabulary: int = self.model.config.vocab_size

    def after(self, tokens: list[int]) -> NDArray[np.float32]:
        """Log-probabilities [vocabulary] of the next token."""
        import torch

        with torch.inference_mode():
            logits: Any = self.model(torch.tensor([tokens]), use_cache=False, logits_to_keep=1).logits[0, 0]
        told: NDArray[np.float32] = logits.log_softmax(-1).numpy()
        return told

    def with_other_factors(self, tokens: list[int]) -> NDArray[np.float32]:
        """The same if the sequence were on the other side of the switch."""
        rope = self.model.model.rotary_emb
        self.after([0] * (ORIGINAL + 1))  # transformers makes the long factors when they are first needed
        short, long = rope.original_inv_freq, rope.long_inv_freq
        rope.original_inv_freq, rope.long_inv_freq = long, short
        told = self.after(tokens)
        rope.original_inv_freq, rope.long_inv_freq = short, long
        return told
