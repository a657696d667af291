"""Writes a SafeTensors or PyTorch folder as one GGUF file, tensor by tensor."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
from gguf import GGMLQuantizationType as Kind

from spark_engine.backends.convert.gguf_families import family_of, write_sizes
from spark_engine.backends.convert.gguf_rope import Factors, write_rope
from spark_engine.backends.convert.gguf_tensors import announce, plan_tensors, write_all
from spark_engine.backends.convert.pre_tokenizer import find_name
from spark_engine.backends.convert.settings import Settings
from spark_engine.backends.convert.special import write_special
from spark_engine.backends.convert.tokens import Tokens, read_tokens
from spark_engine.backends.convert.weights import Weights
from spark_engine.backends.torch_files import Checkpoint, read_checkpoint
from spark_engine.types.models import ModelFormat

KINDS = {
    "F32": (Kind.F32, gguf.LlamaFileType.ALL_F32),
    "F16": (Kind.F16, gguf.LlamaFileType.MOSTLY_F16),
    "Q8_0": (Kind.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "Q4_0": (Kind.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}
_PHI3_TOKENS = ("<unk>", "<s>", "<|endoftext|>", "</s>")
_WRITING = 0.1
"""The fraction after which the weights begin."""
Progress = Callable[[float, str], None]


class GgufModelWriter:
    """One model on its way into GGUF. `work` is a folder for trials with the vocabulary."""

    def __init__(self, source: Path, source_format: ModelFormat, name: str, work: Path) -> None:
        self._checkpoint: Checkpoint = read_checkpoint(source, source_format)
        self._settings = Settings(self._checkpoint.described)
        self._arch, self._family = family_of(self._checkpoint.described)
        self._name, self._work = name, work

    def write(self, target: Path, quantization: str, progress: Progress) -> None:
        """Write the file. Unavailable when GGUF cannot say what the model is."""
        progress(0.0, "reading the vocabulary")
        with Weights(self._checkpoint) as weights:
            tokens = read_tokens(self._checkpoint.folder, self._rows(weights))
            pre = find_name(self._checkpoint.folder, tokens, lambda name: self._vocabulary(tokens, name))
            progress(_WRITING, "writing weights")
            self._write(target, weights, tokens, pre, quantization, progress)

    def _write(
        self,
        target: Path,
        weights: Weights,
        tokens: Tokens,
        pre: str,
        quantization: str,
        progress: Progress,
    ) -> None:
        kind, file_type = KINDS[quantization]
        writer = gguf.GGUFWriter(str(target), self._arch)
        factors = self._described(writer, tokens, pre)
        writer.add_file_type(file_type)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        tensors = plan_tensors(weights, self._arch, self._settings, kind)
        announce(writer, tensors, factors)
        _begin(writer)
        write_all(
            writer, weights, tensors, factors, self._family, self._settings,
            lambda done: progress(_WRITING + (1 - _WRITING) * done, "writing weights"),
        )  # fmt: skip
        writer.close()

    def _vocabulary(self, tokens: Tokens, pre: str) -> Path:
        """A file with everything but weights, in which text is cut up in this way."""
        target = self._work / "vocabulary.gguf"
        writer = gguf.GGUFWriter(str(target), self._arch)
        self._described(writer, tokens, pre)
        _begin(writer)
        writer.close()
        return target

    def _described(self, writer: Any, tokens: Tokens, pre: str) -> Factors:
        """All metadata; the tensors of rotary factors that belong to it."""
        writer.add_name(harmless_name(self._name, tokens))
        write_sizes(writer, self._settings, self._family)
        factors = write_rope(writer, self._settings, knows_long=self._family.knows_long)
        writer.add_tokenizer_model(tokens.model)
        writer.add_tokenizer_pre(pre)
        writer.add_token_list(tokens.texts)
        writer.add_token_types(tokens.kinds)
        if tokens.model == "llama":
            writer.add_token_scores(tokens.scores)
            writer.add_add_space_prefix(tokens.adds_space)
        else:
            writer.add_token_merges(tokens.merges)
        write_special(writer, self._checkpoint.folder, tokens)
        return factors

    def _rows(self, weights: Weights) -> int:
        """How many tokens the model really has numbers for."""
        shapes = weights.shapes()
        embedding = shapes.get("model.embed_tokens.weight")
        return embedding[0] if embedding else self._settings.number("vocab_size")


def harmless_name(name: str, tokens: Tokens) -> str:
    """The name, so written that llama.cpp does not look for tokens of Phi-3's where there are none."""
    if set(_PHI3_TOKENS) <= set(tokens.texts):
        return name
    return re.sub(r"phi-?3", "phi 3", name, flags=re.IGNORECASE)


def _begin(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
