"""Models that embed or score, as ONNX files: many texts in one run, the shorter ones filled up behind a mask."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.base import LoadStep
from spark_engine.backends.cores import physical_cores
from spark_engine.backends.devices import require_cpu
from spark_engine.backends.encoder import Encoder, Output, Text, TextEncoding
from spark_engine.backends.encoder_batch import padded, trial
from spark_engine.backends.encoder_files import (
    EncoderFiles,
    FolderEncoding,
    read_encoder,
    unfit,
)
from spark_engine.backends.onnx_graph import mapped, nodes
from spark_engine.backends.onnx_session import open_session
from spark_engine.catalog.kinds import encoder_file
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import ModelKind, Pooling

_INTEGERS: dict[str, type[np.generic]] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_OUTPUTS = ("last_hidden_state", "token_embeddings", "sentence_embedding", "logits")
# These measure a whole run's numbers before they round them, so that texts of one run change each other.
_MEASURES_RUNS = "DynamicQuantizeLinear"


class OnnxEncoder:
    """An encoder on the CPU."""

    kind: ModelKind = "embedder"
    device = "CPU"
    vocab_size = 0
    max_length = 0
    shares_runs = True
    pooling: Pooling | None = None

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Check the files, build the session, run a text."""
        require_cpu(plan.device, "Embedding")
        files = read_encoder(plan)
        self.kind, self.pooling = files.kind, files.pooling
        self.vocab_size, self.max_length, self._padding = files.vocab_size, files.longest, files.padding
        yield LoadStep(0.1, "reading the model")
        self._open(files, plan.threads or physical_cores())
        yield LoadStep(0.9, "warming up")
        trial(self, files.folder)
        yield LoadStep(1.0, "ready")

    def encode(self, texts: Sequence[Text]) -> list[Output]:
        """One run."""
        batch = padded(texts, self._padding)
        given = {"input_ids": batch.tokens, "attention_mask": batch.mask, "token_type_ids": batch.parts}
        inputs = {name: given[name].astype(kind) for name, kind in self._inputs.items()}
        found: NDArray[Any] = self._session.run([self._output], inputs)[0]
        rows = found.astype(np.float32)
        if rows.ndim == 2:  # one vector or score for the whole text
            return [row[None] for row in rows]
        return [row[: text.length] for row, text in zip(rows, texts, strict=True)]

    def close(self) -> None:
        """Drop the session."""
        del self._session

    def _open(self, files: EncoderFiles, threads: int) -> None:
        file = encoder_file(files.folder)
        if file is None:
            raise unfit(files.folder, "there is no ONNX file")
        try:
            with mapped(file) as model:
                self.shares_runs = all(node.operator != _MEASURES_RUNS for node in nodes(model))
        except (OSError, ValueError) as error:
            raise unfit(files.folder, f"{file.name} is no ONNX file ({error})") from error
        self._session = open_session(file, threads)
        self._inputs = self._known_inputs(files.folder)
        self._output = self._known_output(files.folder)

    def _known_inputs(self, folder: Path) -> dict[str, type[np.generic]]:
        kinds = {value.name: value.type for value in self._session.get_inputs()}
        strange = sorted(kinds.keys() - {"input_ids", "attention_mask", "token_type_ids"})
        if strange or not _INTEGERS.keys() >= set(kinds.values()):
            raise unfit(folder, f"it wants inputs that Spark does not give ({', '.join(strange) or kinds})")
        return {name: _INTEGERS[kind] for name, kind in kinds.items()}

    def _known_output(self, folder: Path) -> str:
        names = [value.name for value in self._session.get_outputs()]
        wanted = _OUTPUTS[-1:] if self.kind == "reranker" else _OUTPUTS[:-1]
        found = next((name for name in wanted if name in names), None)
        if found is None:
            raise unfit(folder, f"it gives {', '.join(names)[:200]}, of which Spark knows nothing")
        return found


def create_encoder() -> Encoder:
    """A new encoder for ONNX files."""
    return OnnxEncoder()


def read_encoding(plan: LoadPlan) -> TextEncoding:
    """The tokenizer in the model's folder."""
    return FolderEncoding(plan)
