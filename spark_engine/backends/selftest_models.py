"""The bundled model opened with each backend library in the plainest way, for the self-test."""

import json
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

THREADS = 2
CONTEXT = 256


class TrialModel(Protocol):
    """A model that takes tokens step by step and remembers them until it is reset."""

    version: str
    build: str

    def encode(self, text: str) -> list[int]:
        """Tokens of a text in which special tokens are written out."""
        ...

    def reset(self) -> None:
        """Forget all tokens."""
        ...

    def step(self, tokens: list[int]) -> NDArray[np.float64]:
        """Take tokens; the logits [vocabulary] after the last."""
        ...


class OnnxTrial:
    """onnxruntime on the CPU."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self.version = str(onnxruntime.__version__)
        self.build = ", ".join(
            provider.removesuffix("ExecutionProvider")
            for provider in onnxruntime.get_available_providers()
            if not provider.startswith("Azure")  # a remote one that every build lists
        )
        decoder = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))["model"]["decoder"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        file = folder / decoder["filename"]
        self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._inputs = {i.name: i.type for i in self._session.get_inputs()}
        self._cache_shape = (1, decoder["num_key_value_heads"], 0, decoder["head_size"])
        self.reset()

    def encode(self, text: str) -> list[int]:
        """Tokens of a text in which special tokens are written out."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def reset(self) -> None:
        """Forget all tokens."""
        self._taken = 0
        self._past: dict[str, NDArray[Any]] = {
            name: np.zeros(self._cache_shape, np.float16 if kind == "tensor(float16)" else np.float32)
            for name, kind in self._inputs.items()
            if name.startswith("past_key_values.")
        }

    def step(self, tokens: list[int]) -> NDArray[np.float64]:
        """Take tokens; the logits after the last."""
        self._taken += len(tokens)
        positions = np.arange(self._taken - len(tokens), self._taken, dtype=np.int64)[None]
        feeds = {
            "input_ids": np.array([tokens], np.int64),
            "attention_mask": np.ones((1, self._taken), np.int64),
            "position_ids": positions,
        }
        names = [o.name for o in self._session.get_outputs()]
        wanted = {n: v for n, v in feeds.items() if n in self._inputs}
        out = dict(zip(names, self._session.run(names, wanted | self._past), strict=True))
        self._past = {n: out[n.replace("past_key_values.", "present.")] for n in self._past}
        return np.asarray(out["logits"][0, -1], np.float64)


class GgufTrial:
    """llama.cpp through llama-cpp-python."""

    def __init__(self, file: Path) -> None:
        import llama_cpp

        self._library = llama_cpp
        self.version = str(llama_cpp.__version__)
        self.build = _instruction_set(llama_cpp.llama_print_system_info().decode())
        # What llama.cpp says while loading is the evidence if it crashes, so it is not silenced.
        self._model = llama_cpp.Llama(
            str(file), n_ctx=CONTEXT, n_threads=THREADS, n_gpu_layers=0, verbose=True
        )

    def encode(self, text: str) -> list[int]:
        """Tokens of a text in which special tokens are written out."""
        return list(self._model.tokenize(text.encode(), add_bos=False, special=True))

    def reset(self) -> None:
        """Forget all tokens."""
        self._model.reset()

    def step(self, tokens: list[int]) -> NDArray[np.float64]:
        """Take tokens; the logits after the last."""
        self._model.eval(tokens)
        logits = self._library.llama_get_logits_ith(self._model.ctx, -1)
        return np.ctypeslib.as_array(logits, (self._model.n_vocab(),)).astype(np.float64)


def _instruction_set(info: str) -> str:
    """The most capable set that this build uses, from llama.cpp's `CPU : AVX = 1 | AVX2 = 1 | …`."""
    parts = [p.rpartition(":")[2].partition("=") for p in info.split("|")]
    used = {name.strip() for name, _, value in parts if value.strip() == "1"}
    return next((name for name in ("AVX512", "AVX2", "AVX", "NEON") if name in used), "baseline")


class TorchTrial:
    """PyTorch and transformers on the CPU."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

        self._torch = torch
        torch.set_num_threads(THREADS)
        self.version = str(torch.__version__)
        self.build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU"
        self._tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
        self._model = AutoModelForCausalLM.from_pretrained(
            str(folder), local_files_only=True, dtype=torch.float32, use_safetensors=True
        )
        self.reset()

    def encode(self, text: str) -> list[int]:
        """Tokens of a text in which special tokens are written out."""
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def reset(self) -> None:
        """Forget all tokens."""
        self._cache: Any = None

    def step(self, tokens: list[int]) -> NDArray[np.float64]:
        """Take tokens; the logits after the last."""
        with self._torch.inference_mode():
            out = self._model(
                input_ids=self._torch.tensor([tokens]), past_key_values=self._cache, use_cache=True
            )
        self._cache = out.past_key_values
        return np.asarray(out.logits[0, -1].numpy(), np.float64)


class GenaiTrial:
    """onnxruntime-genai on the CPU."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime_genai
        from tokenizers import Tokenizer

        self._library = onnxruntime_genai
        self.version, self.build = metadata.version(_genai_distribution()), "CPU"
        config = onnxruntime_genai.Config(str(folder))
        config.clear_providers()
        options = {"intra_op_num_threads": THREADS}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
        self._model = onnxruntime_genai.Model(config)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.reset()

    def encode(self, text: str) -> list[int]:
        """Tokens of a text in which special tokens are written out."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def reset(self) -> None:
        """Forget all tokens."""
        params = self._library.GeneratorParams(self._model)
        params.set_search_options(max_length=CONTEXT)
        self._generator = self._library.Generator(self._model, params)

    def step(self, tokens: list[int]) -> NDArray[np.float64]:
        """Take tokens; the logits after the last."""
        self._generator.append_tokens(np.array(tokens, np.int32))
        return np.asarray(self._generator.get_logits()[0, -1], np.float64)


class ConvertTrial(OnnxTrial):
    """The model builder: a SafeTensors folder converted to ONNX, and that run by onnxruntime."""

    def __init__(self, folder: Path) -> None:
        from spark_engine.backends.convert.onnx_builder import build_onnx

        with tempfile.TemporaryDirectory(prefix="spark-convert-", ignore_cleanup_errors=True) as work:
            made = Path(work) / "made"
            build_onnx(folder, "safetensors", made, Path(work), "int4", lambda fraction, step: None)
            super().__init__(made)
        self.version, self.build = metadata.version("gguf"), "CPU"


def _genai_distribution() -> str:
    return "onnxruntime-genai-winml" if sys.platform == "win32" else "onnxruntime-genai"


OPENERS: dict[str, Callable[[Path], TrialModel]] = {
    "onnx": OnnxTrial,
    "gguf": GgufTrial,
    "torch": TorchTrial,
    "genai": GenaiTrial,
    "convert": ConvertTrial,
}
