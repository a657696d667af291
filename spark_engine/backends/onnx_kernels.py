"""Spark's own arithmetic for 4-bit weights in ONNX files: which operators it can do, and whether it does them right.

The library is built from `kernels/` when Spark is installed, where there is a compiler. A model's file stays as it is:
its operators are pointed to the library in memory, and decision 12 says why.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.onnx_graph import in_domain, integers_of, read_node
from spark_engine.backends.onnx_session import open_session
from spark_engine.backends.onnx_wire import field, integer
from spark_engine.hardware.own_kernels import kernels_library

DOMAIN = "spark.kernels"
"""As long as `com.microsoft`, whose place it takes in a file's bytes."""
BLOCK = 32
_FLOAT, _UINT8 = 1, 2
_ROUNDED = 4
_EPSILON = 1e-4


def with_kernels(model: bytes) -> bytes | None:
    """The model with the library's operators wherever it has one; None when it has none, or would compute wrongly
    here. ValueError when the bytes are no model."""
    if not is_right():
        return None
    return in_domain(model, DOMAIN, _is_ours)


@cache
def is_right() -> bool:
    """Whether the library is there and multiplies as it should on this processor."""
    if kernels_library() is None:
        return False
    random = np.random.default_rng(7)
    rows = random.standard_normal((3, 2 * BLOCK), np.float32)
    weights = random.integers(0, 256, (40, 2, BLOCK // 2), np.uint8)
    scales = random.random((40, 2), np.float32)
    try:
        session = open_session(_multiplication(), 1, kernels=True)
        told = session.run(None, {"rows": rows, "weights": weights, "scales": scales})[0]
    except Exception:  # however it cannot be used, the library's own operators can
        return False
    right = multiplied(rows, weights, scales)
    return bool(np.abs(told - right).max() <= _EPSILON * np.abs(right).max())


def multiplied(
    rows: NDArray[np.float32],
    weights: NDArray[np.uint8],
    scales: NDArray[np.float32],
    zeros: NDArray[np.uint8] | int = 8,
) -> NDArray[np.float64]:
    """What the library is to give: `rows` [count, depth], rounded to 8 bits by blocks, times weights [columns, blocks,
    half a block] with scales [columns, blocks] and zero points [columns, blocks]."""
    columns, blocks = weights.shape[:2]
    halves = np.stack((weights & 15, weights >> 4), axis=-1).reshape(columns, blocks, -1).astype(np.int64)
    numbers = halves - (zeros if isinstance(zeros, int) else zeros.astype(np.int64)[:, :, None])
    wide = (numbers * scales.astype(np.float64)[:, :, None]).reshape(columns, -1)
    pieces = rows.reshape(len(rows), -1, BLOCK)
    steps = np.abs(pieces).max(axis=2, keepdims=True) / np.float32(127)
    inverse = np.divide(np.float32(1), steps, out=np.zeros_like(steps), where=steps > 0)
    rounded = np.rint(pieces * inverse) * steps.astype(np.float64)
    told: NDArray[np.float64] = rounded.reshape(len(rows), -1) @ wide.T
    return told


def _multiplication() -> bytes:
    """A model that is nothing but one of the library's operators: `rows` [3, 64] by 40 columns."""

    def value(name: str, kind: int) -> bytes:
        return field(1, name.encode()) + field(2, field(1, integer(1, kind)))

    def attribute(name: str, number: int) -> bytes:
        return field(5, field(1, name.encode()) + integer(3, number) + integer(20, 2))

    inputs = {"rows": _FLOAT, "weights": _UINT8, "scales": _FLOAT}
    node = b"".join(field(1, name.encode()) for name in inputs) + field(2, b"told") + field(4, b"MatMulNBits")
    for name, number in (("K", 2 * BLOCK), ("N", 40), ("bits", 4), ("block_size", BLOCK)):
        node += attribute(name, number)
    graph = field(1, node + field(7, DOMAIN.encode())) + field(2, b"multiplication")
    graph += b"".join(field(11, value(*named)) for named in inputs.items()) + field(12, value("told", _FLOAT))
    own = field(8, field(1, DOMAIN.encode()) + integer(2, 1))
    return integer(1, 8) + field(7, graph) + own + field(8, integer(2, 17))


def _is_ours(node: memoryview, types: dict[str, int]) -> bool:
    """Whether the library does this operator: 4 bits, rows rounded to 8 bits as the file allows, numbers of 32 bits."""
    read = read_node(node)
    if read.operator != "MatMulNBits" or len(read.inputs) not in (3, 4):
        return False
    told = integers_of(node)
    block, depth = told.get("block_size", 0), told.get("K", 0)
    if told.get("bits", 4) != 4 or told.get("accuracy_level") != _ROUNDED:
        return False
    if block < BLOCK or block % BLOCK or depth % block:
        return False
    kinds = [types.get(name) for name in read.inputs[1:]]
    return kinds == [_UINT8, _FLOAT, _UINT8][: len(kinds)]
