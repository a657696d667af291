"""Models that embed or score, as SafeTensors or PyTorch weights: transformers' models with their own attention."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING, MODEL_MAPPING

from spark_engine.backends.base import LoadStep
from spark_engine.backends.cores import physical_cores
from spark_engine.backends.devices import require_cpu
from spark_engine.backends.encoder import Encoder, Output, Text, TextEncoding
from spark_engine.backends.encoder_batch import padded, trial
from spark_engine.backends.encoder_files import FolderEncoding, read_encoder
from spark_engine.backends.torch_errors import memory_guard, unsupported
from spark_engine.backends.torch_files import Checkpoint, read_checkpoint, read_through
from spark_engine.backends.torch_model import Architecture
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import ModelKind, Pooling


class TorchEncoder:
    """An encoder on the CPU, computing in 32 bits."""

    kind: ModelKind = "embedder"
    device = "CPU"
    vocab_size = 0
    max_length = 0
    shares_runs = True
    pooling: Pooling | None = None

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Check the files, read them (so that progress is true), build the model, run a text."""
        require_cpu(plan.device, "Embedding")
        torch.set_num_threads(plan.threads or physical_cores())
        files = read_encoder(plan)
        self._folder, self._padding = files.folder, files.padding
        self.kind, self.pooling = files.kind, files.pooling
        self.vocab_size, self.max_length = files.vocab_size, files.longest
        checkpoint = read_checkpoint(files.folder, plan.format)
        architecture = EncoderArchitecture(checkpoint, files.kind)
        architecture.check_memory()
        for fraction in read_through(checkpoint.files):
            yield LoadStep(0.5 * fraction, "reading the model")
        yield LoadStep(0.5, "preparing the model")
        self._model = architecture.load()
        yield LoadStep(0.95, "warming up")
        trial(self, files.folder)
        yield LoadStep(1.0, "ready")

    def encode(self, texts: Sequence[Text]) -> list[Output]:
        """One run."""
        batch = padded(texts, self._padding)
        inputs = {"input_ids": torch.from_numpy(batch.tokens), "attention_mask": torch.from_numpy(batch.mask)}
        if batch.parts.any():
            inputs["token_type_ids"] = torch.from_numpy(batch.parts)
        with torch.inference_mode(), memory_guard(self._folder):
            output = self._model(**inputs)
        if self.kind == "reranker":
            return [row[None] for row in output.logits.float().numpy()]
        rows = output.last_hidden_state.float().numpy()
        return [row[: text.length] for row, text in zip(rows, texts, strict=True)]

    def close(self) -> None:
        """Drop the model."""
        self._model = None


class EncoderArchitecture(Architecture):
    """The architecture of a checkpoint whose model reads whole texts."""

    attention = None
    spare = "pooler."  # computed from the first token for a training task; nothing here uses it

    def __init__(self, checkpoint: Checkpoint, kind: ModelKind) -> None:
        self._kind = kind
        super().__init__(checkpoint)

    def _choose(self, folder: Path, config: Any) -> Any:
        """transformers' class for this kind of work."""
        classes = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING if self._kind == "reranker" else MODEL_MAPPING
        found = classes.get(type(config), None)
        if found is None or getattr(config, "is_encoder_decoder", False):
            raise unsupported(folder, f"models of type {config.model_type} cannot embed here")
        return found[0] if isinstance(found, (list, tuple)) else found


def create_encoder() -> Encoder:
    """A new encoder for SafeTensors and PyTorch models."""
    return TorchEncoder()


def read_encoding(plan: LoadPlan) -> TextEncoding:
    """The tokenizer in the model's folder."""
    return FolderEncoding(plan)
