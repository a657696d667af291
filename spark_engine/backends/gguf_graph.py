"""GGUF files whose weights Spark's own kernels know, as an ONNX model that is made in memory.

Its graph has a few kilobytes; the weights stay in the file, in GGUF's blocks, and the kernels lay them out. So a 4-bit
GGUF model runs as a 4-bit ONNX model does. Names and meanings of metadata and tensors are those of gguf's constants.py
and of llama.cpp's graphs of these architectures.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from spark_engine.backends.onnx_joined import COUNTS, WANTED
from spark_engine.backends.onnx_kernels import HEAD_SIZES
from spark_engine.backends.onnx_kernels_check import DOMAIN
from spark_engine.backends.onnx_write import (
    FLOAT,
    INT32,
    INT64,
    UINT8,
    model,
    node,
    numbers,
    outside,
    reads,
    tells,
)
from spark_engine.catalog.formats.folder import ModelFolder
from spark_engine.catalog.formats.gguf import GgufFile, read_gguf
from spark_engine.catalog.formats.gguf_tensors import Tensor
from spark_engine.catalog.formats.refusal import Refused

MICROSOFT = "com.microsoft"
COSINES, SINES = "cosines", "sines"
KNOWN_TYPES = {"Q4_0": 2, "Q8_0": 8, "Q6_K": 14}
"""Of matrices, with GGUF's numbers."""
QUICK_TYPE = "Q4_0"
"""The type for whose sake the kernels are taken: most of a model's weights have it."""
_HUGE_WINDOW = 2**20
_TABLE = "token_embd.weight"


class Shape(Struct, frozen=True):
    """Sizes of a decoder as its file tells them. `turned`: numbers of a head that rotary embedding turns; `pairs`: as
    neighbours, not as halves; `fused`: queries, keys and values are one matrix, and so are gate and up."""

    architecture: str
    layers: int
    hidden: int
    mlp: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    context: int
    original_context: int
    turned: int
    base: float
    stretch: float
    epsilon: float
    pairs: bool
    fused: bool


class GgufGraph(Struct, frozen=True):
    """A file's `shape` and tensors, by name."""

    file: GgufFile
    shape: Shape
    tensors: dict[str, Tensor]

    def place(self, tensor: Tensor) -> int:
        """Where a tensor's bytes begin in the file."""
        return self.file.begin + tensor.offset

    def model(self, location: str) -> bytes:
        """The ONNX model, whose weights lie in the file `location`."""
        return _Writer(self, location).model()


def read_graph(file: Path) -> GgufGraph | None:
    """What the kernels can compute of a file; None when it is anything else."""
    try:
        held = read_gguf(ModelFolder(file.parent, [file.resolve().parent]), file.name)
    except (Refused, OSError):
        return None
    tensors = {tensor.name: tensor for tensor in held.tensors}
    shape = _shape(held, tensors)
    if shape is None or not _is_known(shape, tensors):
        return None
    return GgufGraph(held, shape, tensors)


def _shape(held: GgufFile, tensors: dict[str, Tensor]) -> Shape | None:
    kind, meta = held.architecture, held.metadata
    if kind not in ("phi3", "llama") or meta.number("split.count") > 1 or _TABLE not in tensors:
        return None

    def number(key: str, otherwise: int = 0) -> int:
        return meta.number(f"{kind}.{key}") or otherwise

    hidden, heads = number("embedding_length"), number("attention.head_count")
    window = number("attention.sliding_window")
    is_plain = meta.text(f"{kind}.rope.scaling.type") in ("", "none", "longrope") and not number(
        "expert_count"
    )
    if (
        not hidden
        or not heads
        or not is_plain
        or 0 < window < _HUGE_WINDOW
        and window < number("context_length")
    ):
        return None
    head = number("attention.key_length", hidden // heads)
    scales = meta.real(f"{kind}.rope.scaling.factor") + meta.real(f"{kind}.rope.scale_linear")
    if number("attention.value_length", head) != head or scales not in (0.0, 1.0):
        return None
    context = number("context_length", 4096)
    embedding = tensors[_TABLE].shape
    return Shape(
        kind, number("block_count"), hidden, number("feed_forward_length"), heads,
        number("attention.head_count_kv", heads), head, embedding[1] if len(embedding) == 2 else 0, context,
        number("rope.scaling.original_context_length", context) if kind == "phi3" else context,
        number("rope.dimension_count", head), meta.real(f"{kind}.rope.freq_base") or 10000.0,
        meta.real(f"{kind}.rope.scaling.attn_factor") or 1.0,
        meta.real(f"{kind}.attention.layer_norm_rms_epsilon"), kind == "llama", kind == "phi3",
    )  # fmt: skip


def _is_known(shape: Shape, tensors: dict[str, Tensor]) -> bool:
    """Whether the file has just the tensors that a model of this shape needs, of types and sizes that fit."""
    if shape.layers > len(tensors):
        return False
    needed, optional = dict(_needed(shape)), dict(_optional(shape))
    if not set(needed) <= set(tensors) <= set(needed) | set(optional):
        return False
    if (
        shape.head not in HEAD_SIZES
        or shape.turned % 2
        or not 0 < shape.turned <= shape.head
        or not shape.epsilon
    ):
        return False
    if (
        shape.heads % shape.kv_heads
        or shape.stretch <= 0
        or min(shape.layers, shape.vocabulary, shape.mlp) <= 0
    ):
        return False
    for name, tensor in tensors.items():
        sizes = needed.get(name) or optional[name]
        if tensor.shape != sizes or tensor.type not in (KNOWN_TYPES if len(sizes) == 2 else ("F32",)):
            return False
    return 2 * sum(t.elements for t in tensors.values() if t.type == QUICK_TYPE) > sum(
        t.elements for t in tensors.values()
    )


def _needed(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and sizes, as GGUF tells them: the length of rows first."""
    yield _TABLE, (shape.hidden, shape.vocabulary)
    yield "output_norm.weight", (shape.hidden,)
    for layer in range(shape.layers):
        yield f"blk.{layer}.attn_norm.weight", (shape.hidden,)
        yield f"blk.{layer}.ffn_norm.weight", (shape.hidden,)
        yield f"blk.{layer}.attn_output.weight", (shape.heads * shape.head, shape.hidden)
        yield f"blk.{layer}.ffn_down.weight", (shape.mlp, shape.hidden)
        for part, rows in (*attention_parts(shape), *mlp_parts(shape)):
            yield f"blk.{layer}.{part}.weight", (shape.hidden, rows)


def _optional(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "output.weight", (shape.hidden, shape.vocabulary)
    for name in ("rope_freqs", "rope_factors_short", "rope_factors_long"):
        yield f"{name}.weight", (shape.turned // 2,)


def attention_parts(shape: Shape) -> tuple[tuple[str, int], ...]:
    """The matrices whose rows, one after the other, give queries, keys and values."""
    queries, kept = shape.heads * shape.head, shape.kv_heads * shape.head
    if shape.fused:
        return (("attn_qkv", queries + 2 * kept),)
    return ("attn_q", queries), ("attn_k", kept), ("attn_v", kept)


def mlp_parts(shape: Shape) -> tuple[tuple[str, int], ...]:
    """The matrices of gate and up."""
    return (("ffn_up", 2 * shape.mlp),) if shape.fused else (("ffn_gate", shape.mlp), ("ffn_up", shape.mlp))


class _Writer:
    """Writes the graph part by part."""

    def __init__(self, graph: GgufGraph, location: str) -> None:
        self._graph, self._shape, self._location = graph, graph.shape, location
        self._parts: list[bytes] = []

    def model(self) -> bytes:
        self._inputs()
        for tensor in self._graph.tensors.values():
            self._weights(tensor)
        head = "output.weight" if "output.weight" in self._graph.tensors else _TABLE
        self._add(
            "GatherBlocks",
            ("input_ids", _TABLE),
            ("tokens",),
            DOMAIN,
            **self._sizes(_TABLE),
        )
        state, skipped = self._layers()
        self._norm(state, skipped, "output_norm.weight", "states", "unused")
        self._add("MatMulBlocks", ("states", head, WANTED), ("logits",), DOMAIN, **self._sizes(head))
        self._parts.append(tells("logits", FLOAT, ("batch", "wanted", self._shape.vocabulary)))
        self._parts.append(tells("states", FLOAT, ("batch", "tokens", self._shape.hidden)))
        return model(b"".join(self._parts), {"": 17, MICROSOFT: 1, DOMAIN: 1})

    def _inputs(self) -> None:
        """What runs are given, and the lengths that attention makes of the mask."""
        shape, half = self._shape, self._shape.turned // 2
        cache = ("rows", shape.kv_heads, "positions", shape.head)
        self._parts += [
            reads("input_ids", INT64, ("batch", "tokens")),
            reads("attention_mask", INT64, ("rows", "width")),
            reads(COSINES, FLOAT, ("context", half)),
            reads(SINES, FLOAT, ("context", half)),
            *(reads(name, INT64, ("any",)) + numbers(name, ()) for name in (COUNTS, WANTED)),
            numbers("one", (1,)), numbers("second", (1,)), numbers("halves", (shape.mlp, shape.mlp)),
        ]  # fmt: skip
        for layer in range(shape.layers):
            for what in ("key", "value"):
                self._parts.append(reads(f"past_key_values.{layer}.{what}", FLOAT, cache))
                self._parts.append(tells(f"present.{layer}.{what}", FLOAT, cache))
        self._add("ReduceSum", ("attention_mask", "second"), ("sums",), keepdims=0)
        self._add("Sub", ("sums", "one"), ("ends",))
        self._add("Cast", ("ends",), ("last",), to=INT32)
        self._add("Shape", ("attention_mask",), ("sizes",))
        self._add("Gather", ("sizes", "second"), ("widths",))
        self._add("Cast", ("widths",), ("longest",), to=INT32)

    def _layers(self) -> tuple[str, str]:
        """What the last norm adds up: the state before it, and what it skips."""
        state, skipped = "tokens", ""
        for layer in range(self._shape.layers):
            at, blk = f"layer{layer}.", f"blk.{layer}."
            self._norm(state, skipped, f"{blk}attn_norm.weight", f"{at}in", f"{at}sum")
            before = f"{at}sum" if skipped else state
            self._product(
                f"{at}in", [f"{blk}{name}.weight" for name, _ in attention_parts(self._shape)], f"{at}qkv"
            )
            self._attention(layer, at)
            self._product(f"{at}told", [f"{blk}attn_output.weight"], f"{at}out")
            self._norm(f"{at}out", before, f"{blk}ffn_norm.weight", f"{at}mid", f"{at}sum2")
            self._mlp(at, blk)
            state, skipped = f"{at}down", f"{at}sum2"
        return state, skipped

    def _attention(self, layer: int, at: str) -> None:
        shape, past = self._shape, f"past_key_values.{layer}."
        inputs = (f"{at}qkv", "", "", f"{past}key", f"{past}value", "last", "longest", COSINES, SINES, COUNTS)
        outputs = (f"{at}told", f"present.{layer}.key", f"present.{layer}.value")
        self._add(
            "GroupQueryAttention", inputs, outputs, DOMAIN, num_heads=shape.heads, kv_num_heads=shape.kv_heads,
            scale=shape.head**-0.5, do_rotary=1, rotary_interleaved=int(shape.pairs),
        )  # fmt: skip

    def _mlp(self, at: str, blk: str) -> None:
        gate, up = f"{at}gate", f"{at}up"
        if self._shape.fused:
            self._product(f"{at}mid", [f"{blk}ffn_up.weight"], f"{at}both")
            self._add("Split", (f"{at}both", "halves"), (gate, up), axis=2)
        else:
            self._product(f"{at}mid", [f"{blk}ffn_gate.weight"], gate)
            self._product(f"{at}mid", [f"{blk}ffn_up.weight"], up)
        self._add("Sigmoid", (gate,), (f"{at}sigmoid",))
        self._add("Mul", (gate, f"{at}sigmoid"), (f"{at}silu",))
        self._add("Mul", (f"{at}silu", up), (f"{at}wide",))
        self._product(f"{at}wide", [f"{blk}ffn_down.weight"], f"{at}down")

    def _norm(self, state: str, skipped: str, weight: str, told: str, total: str) -> None:
        """Root mean square norm of a state, or of its sum with what was skipped, which is told too."""
        epsilon = self._shape.epsilon
        if skipped:
            outputs = (told, "", "", total)
            self._add(
                "SkipSimplifiedLayerNormalization",
                (state, skipped, weight),
                outputs,
                MICROSOFT,
                epsilon=epsilon,
            )
        else:
            self._add(
                "SimplifiedLayerNormalization",
                (state, weight),
                (told,),
                axis=-1 % 2**64,
                epsilon=epsilon,
                stash_type=1,
            )

    def _product(self, rows: str, weights: list[str], told: str) -> None:
        """Rows times matrices, side by side."""
        parts = [told] if len(weights) == 1 else [f"{told}.{place}" for place in range(len(weights))]
        for weight, part in zip(weights, parts, strict=True):
            self._add("MatMulBlocks", (rows, weight), (part,), DOMAIN, **self._sizes(weight))
        if len(parts) > 1:
            self._add("Concat", parts, (told,), axis=2)

    def _sizes(self, weight: str) -> dict[str, int]:
        tensor = self._graph.tensors[weight]
        return {"K": tensor.shape[0], "N": tensor.shape[1], "type": KNOWN_TYPES[tensor.type]}

    def _weights(self, tensor: Tensor) -> None:
        if tensor.name.startswith("rope_"):
            return
        is_matrix = len(tensor.shape) == 2
        kind, sizes = (UINT8, (tensor.bytes,)) if is_matrix else (FLOAT, tensor.shape)
        place = self._graph.place(tensor)
        self._parts.append(outside(tensor.name, kind, sizes, self._location, place, tensor.bytes))

    def _add(
        self,
        operator: str,
        inputs: tuple[str, ...] | list[str],
        outputs: tuple[str, ...],
        domain: str = "",
        **said: int | float,
    ) -> None:
        self._parts.append(node(operator, inputs, outputs, domain, **said))


def frequencies(shape: Shape, factors: list[float] | None) -> list[float]:
    """By how much each pair of a head's numbers is turned at each position, in radians. `factors` divide that."""
    half = shape.turned // 2
    each = factors or [1.0] * half
    return [math.pow(shape.base, -2 * i / shape.turned) / each[i] for i in range(half)]
