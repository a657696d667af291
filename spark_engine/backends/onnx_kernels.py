"""Spark's own arithmetic for ONNX files, for 4-bit weights and for attention: which operators it can do, and whether it
does them right.

The library is built from `kernels/` when Spark is installed, where there is a compiler. A model's file stays as it is:
its operators are pointed to the library in memory, and decision 12 says why.
"""

from collections.abc import Callable
from functools import cache

from spark_engine.backends.gguf_blocks_check import blocks_right
from spark_engine.backends.onnx_graph import Node, in_domain, nodes, numbers_of, read_node
from spark_engine.backends.onnx_kernels_check import BLOCK, DOMAIN, attends_right, multiplies_right
from spark_engine.hardware.own_kernels import kernels_library

HEAD_SIZES = (64, 96, 128)
_FLOAT, _UINT8 = 1, 2
_ROUNDED = 4
_NO_WINDOW = 2**64 - 1
# Of GroupQueryAttention: queries, keys and values in one; the cache; lengths; angles. Everything else left out.
_ATTENTION_INPUTS = (True, False, False, True, True, True, True, True, True)
_ADDING = ("MatMulNBits", "GroupQueryAttention")
_BY_ROWS = frozenset((
    "Add", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Div", "Equal", "Expand", "Gather",
    "GatherBlockQuantized", "GatherND", "Gelu", "Greater", "Identity", "If", "Mul", "Pow", "Range", "ReduceSum",
    "Reshape", "Shape", "Sigmoid", "SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization", "Slice",
    "Softplus", "Split", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where",
))  # fmt: skip
_ATTENTION = {
    "do_rotary": 1, "rotary_interleaved": 0, "local_window_size": _NO_WINDOW, "softcap": 0, "smooth_softmax": 0,
    "qk_output": 0,
}  # fmt: skip


def is_exact(model: bytes) -> bool:
    """Whether a model changed by `with_kernels` gives a token the same bits alone, in a prompt and in company: all that
    adds up is the library's, and the rest takes each row by itself."""
    return all(
        node.domain == DOMAIN if node.operator in _ADDING else node.operator in _BY_ROWS
        for node in nodes(memoryview(model))
    )


def with_kernels(model: bytes, head_size: int) -> bytes | None:
    """The model with the library's operators wherever it has one; None when it has none, or would compute wrongly
    here. ValueError when the bytes are no model."""
    if not _is_right(multiplies_right):
        return None
    attends = head_size in HEAD_SIZES and _is_right(attends_right)

    def is_ours(data: memoryview, types: dict[str, int]) -> bool:
        node, numbers = read_node(data), numbers_of(data)
        if node.operator == "MatMulNBits":
            return _multiplies(node, numbers, types)
        return attends and node.operator == "GroupQueryAttention" and _attends(node, numbers)

    return in_domain(model, DOMAIN, is_ours)


@cache
def computes_blocks(kind: int) -> bool:
    """Whether the library is there, attends right, and multiplies with GGUF's blocks of this type as it should."""
    return _is_right(attends_right) and blocks_right(kind)


@cache
def _is_right(check: Callable[[], bool]) -> bool:
    """Whether the library is there and does this as it should on this processor."""
    return kernels_library() is not None and check()


def _multiplies(node: Node, numbers: dict[str, float], types: dict[str, int]) -> bool:
    """4 bits, rows rounded to 8 bits as the file allows, numbers of 32 bits."""
    if len(node.inputs) not in (3, 4) or numbers.get("accuracy_level") != _ROUNDED:
        return False
    block, depth = numbers.get("block_size", 0), numbers.get("K", 0)
    if numbers.get("bits", 4) != 4 or block < BLOCK or block % BLOCK or depth % block:
        return False
    kinds = [types.get(name) for name in node.inputs[1:]]
    return kinds == [_UINT8, _FLOAT, _UINT8][: len(kinds)]


def _attends(node: Node, numbers: dict[str, float]) -> bool:
    """Whole attention with rotary embedding, in a cache that is read and written in place."""
    given = tuple(bool(name) for name in node.inputs)
    if given[: len(_ATTENTION_INPUTS)] != _ATTENTION_INPUTS or any(given[len(_ATTENTION_INPUTS) :]):
        return False
    known = {name: numbers.get(name, 0) for name in _ATTENTION}
    known["local_window_size"] = numbers.get("local_window_size", _NO_WINDOW)
    return known == _ATTENTION and len(node.outputs) == 3 and numbers.get("scale", 0) > 0
