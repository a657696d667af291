"""Greedy decoding of each shipped format, straight through the library that runs it."""

import json
import os
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
from tokenizers import Tokenizer

ENDS = (0, 1)  # <|endoftext|>, <|end|>


class Decoder(Protocol):
    """Takes tokens that follow those already read (all, after `reset`) and gives the logits after the last one."""

    def reset(self) -> None:
        """Forgets everything."""

    def feed(self, tokens: list[int]) -> np.ndarray:
        """Reads tokens; logits of the next."""


class OnnxDecoder:
    """onnxruntime on the model builder's file."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # so small a model gains nothing from more
        self.session: Any = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        shape = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))["model"]["decoder"]
        layers = range(shape["num_hidden_layers"])
        self.names = [f"{layer}.{part}" for layer in layers for part in ("key", "value")]
        self.empty = np.zeros((1, shape["num_key_value_heads"], 0, shape["head_size"]), np.float32)
        self.outputs = ["logits", *(f"present.{name}" for name in self.names)]
        self.reset()

    def reset(self) -> None:
        """Empty key/value tensors."""
        self.length = 0
        self.cache = {f"past_key_values.{name}": self.empty for name in self.names}

    def feed(self, tokens: list[int]) -> np.ndarray:
        """One run over the tokens."""
        self.length += len(tokens)
        inputs = {"input_ids": np.array([tokens]), "attention_mask": np.ones((1, self.length), np.int64)}
        logits, *present = self.session.run(self.outputs, inputs | self.cache)
        self.cache = dict(zip(self.cache, present, strict=True))
        return np.asarray(logits[0, -1])


class TorchDecoder:
    """transformers on the SafeTensors folder."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        self.torch = torch
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.reset()

    def reset(self) -> None:
        """No cache."""
        self.cache: Any = None

    def feed(self, tokens: list[int]) -> np.ndarray:
        """One forward pass."""
        with self.torch.inference_mode():
            out = self.model(
                input_ids=self.torch.tensor([tokens]), past_key_values=self.cache, use_cache=True
            )
        self.cache = out.past_key_values
        return np.asarray(out.logits[0, -1].float().numpy())


class GgufDecoder:
    """llama.cpp on the GGUF file."""

    def __init__(self, folder: Path) -> None:
        from llama_cpp import Llama

        path = next(folder.glob("*.gguf"))
        self.model: Any = Llama(str(path), n_ctx=2048, n_threads=2, verbose=False)

    def reset(self) -> None:
        """Empty cache."""
        self.model.reset()
        self.model._ctx.kv_cache_clear()

    def feed(self, tokens: list[int]) -> np.ndarray:
        """One evaluation."""
        self.model.eval(tokens)
        return np.array(self.model._ctx.get_logits()[: self.model.n_vocab()])


DECODERS: dict[str, type[Any]] = {
    "onnx-int4": OnnxDecoder,
    "gguf-q8_0": GgufDecoder,
    "safetensors": TorchDecoder,
}


def open_format(root: Path, name: str) -> tuple[Decoder, Tokenizer]:
    """A shipped format ready to decode, with the tokenizer of the SafeTensors folder."""
    return DECODERS[name](root / name), Tokenizer.from_file(str(root / "safetensors" / "tokenizer.json"))


def answer(decoder: Decoder, tokenizer: Tokenizer, prompt: str, most: int) -> tuple[str, int]:
    """The greedy answer, and how many tokens it took; `most` of them means it did not end by itself."""
    decoder.reset()
    logits = decoder.feed(tokenizer.encode(prompt).ids)
    said: list[int] = []
    while len(said) < most:
        token = int(np.argmax(logits))
        if token in ENDS:
            break
        said.append(token)
        logits = decoder.feed([token])
    return tokenizer.decode(said, skip_special_tokens=False), len(said)
