"""Runs 4-bit GGUF files with Spark's own kernels: the ONNX decoder, on a model made in memory."""

from functools import cache
from pathlib import Path
from struct import unpack

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.gguf_graph import COSINES, KNOWN_TYPES, SINES, GgufGraph, frequencies, read_graph
from spark_engine.backends.onnx_config import OnnxConfig
from spark_engine.backends.onnx_hidden import Opened
from spark_engine.backends.onnx_kernels import computes_blocks
from spark_engine.backends.onnx_run import Angles
from spark_engine.backends.onnx_session import open_session
from spark_engine.types.models import Pooling

_POOLINGS: dict[int, Pooling] = {1: "mean", 2: "cls", 3: "last"}


class GgufSource:
    """A file of which `read_graph` knows everything. See `onnx_source.Source`."""

    def __init__(self, file: Path, graph: GgufGraph) -> None:
        self._graph, self._file = graph, file.resolve()
        shape = graph.shape
        self.files = [self._file]
        self.pooling = _POOLINGS.get(graph.file.metadata.number(f"{shape.architecture}.pooling_type"))
        self.config = OnnxConfig(
            file=self._file, layers=shape.layers, kv_heads=shape.kv_heads, head_size=shape.head,
            vocab_size=shape.vocabulary, longest_context=shape.context, exact_context=shape.original_context,
            input_ids="input_ids", attention_mask="attention_mask", position_ids="position_ids",
            past_key="past_key_values.%d.key", past_value="past_key_values.%d.value", logits="logits",
            present_key="present.%d.key", present_value="present.%d.value",
        )  # fmt: skip

    def open(self, threads: int, *, kernels: bool) -> Opened:
        """A session. There is none without the kernels."""
        model = self._graph.model(self._file.name)
        session = open_session(model, threads, weights=self._file.parent, kernels=True)
        return Opened(session, "states", is_exact=True, joins=True)

    def angles(self, context: int) -> Angles:
        """Those of short and of long sequences."""
        shape = self._graph.shape
        usual = self._factors("rope_freqs")
        each = frequencies(shape, self._factors("rope_factors_short") or usual)
        short = _turning(shape.stretch, each, min(context, shape.original_context))
        if shape.original_context >= context:
            return Angles(short, short)
        each = frequencies(shape, self._factors("rope_factors_long") or usual)
        return Angles(short, _turning(shape.stretch, each, context))

    def _factors(self, name: str) -> list[float] | None:
        tensor = self._graph.tensors.get(f"{name}.weight")
        if tensor is None:
            return None
        with self._file.open("rb") as source:
            source.seek(self._graph.place(tensor))
            factors = list(unpack(f"<{tensor.elements}f", source.read(tensor.bytes)))
        return [factor or 1.0 for factor in factors]


def own_source(file: Path) -> GgufSource | None:
    """The file for Spark's own kernels; None where they are not there, wrong, or do not know all of it."""
    graph = read_graph(file)
    if graph is None or not _can_compute(frozenset(t.type for t in graph.tensors.values())):
        return None
    return GgufSource(file, graph)


@cache
def _can_compute(types: frozenset[str]) -> bool:
    return all(computes_blocks(KNOWN_TYPES[name]) for name in types if name in KNOWN_TYPES)


def _turning(stretch: float, each: list[float], context: int) -> dict[str, NDArray[np.float32]]:
    angles = np.outer(np.arange(context, dtype=np.float64), np.array(each))
    return {
        COSINES: (np.cos(angles) * stretch).astype(np.float32),
        SINES: (np.sin(angles) * stretch).astype(np.float32),
    }
