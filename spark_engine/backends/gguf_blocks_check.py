"""Whether Spark's own library reads GGUF's weights right on this processor.

Layouts of blocks are those of gguf's quants.py.
"""

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.onnx_kernels_check import Floats, gives, operator_model, rounded
from spark_engine.backends.onnx_session import open_session
from spark_engine.backends.onnx_write import FLOAT, INT64, UINT8

Q4_0, Q8_0, Q6_K = 2, 8, 14
BLOCKS = {Q4_0: (32, 18), Q8_0: (32, 34), Q6_K: (256, 210)}
"""Types of weights, as GGUF numbers them: numbers and bytes of a block."""
_SCALES = {Q4_0: slice(0, 2), Q8_0: slice(0, 2), Q6_K: slice(208, 210)}
_ROWS, _WIDE = 20, 2


def blocks_right(kind: int) -> bool:
    """Some rows of a table, and a product with the same weights."""
    sizes, data = {"K": _WIDE * BLOCKS[kind][0], "N": _ROWS, "type": kind}, drawn(kind)
    rows = np.random.default_rng(8).standard_normal((3, sizes["K"]), np.float32)
    wide, blocks = unpacked(kind, data), data.ravel()
    table = operator_model("GatherBlocks", {"ids": INT64, "blocks": UINT8}, ("told",), sizes)
    product = operator_model("MatMulBlocks", {"rows": FLOAT, "blocks": UINT8}, ("told",), sizes)
    try:
        told = open_session(table, 1, kernels=True).run(None, {"ids": np.arange(_ROWS), "blocks": blocks})[0]
    except Exception:  # however the library cannot be used, llama.cpp can
        return False
    right = rounded(rows) @ wide.astype(np.float64).T
    return np.array_equal(told, wide) and gives(product, {"rows": rows, "blocks": blocks}, right)


def drawn(kind: int) -> NDArray[np.uint8]:
    """Random blocks [rows, blocks, bytes] with ordinary scales."""
    random = np.random.default_rng(7)
    data = random.integers(0, 256, (_ROWS, _WIDE, BLOCKS[kind][1]), np.uint8)
    scales = (random.random((_ROWS, _WIDE, 1)) * 2 - 1).astype("<f2")
    data[..., _SCALES[kind]] = scales.view(np.uint8)
    return data


def unpacked(kind: int, data: NDArray[np.uint8]) -> Floats:
    """The weights [rows, numbers] of blocks [rows, blocks, bytes]."""
    scale = data[..., _SCALES[kind]].copy().view("<f2").astype(np.float32)
    if kind == Q6_K:
        each = scale * data[..., 192:208].view(np.int8).astype(np.float32)
        return _rows(_six_bits(data).reshape(*data.shape[:2], 16, 16) * each[..., None])
    if kind == Q8_0:
        return _rows(data[..., 2:].view(np.int8) * scale)
    low, high = data[..., 2:] & 15, data[..., 2:] >> 4
    return _rows((np.concatenate((low, high), axis=-1).astype(np.int8) - 8) * scale)


def _six_bits(data: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Whole numbers [rows, blocks, 256]: of each half, 64 bytes with four low bits and 32 with pairs of high ones."""
    halves = (*data.shape[:2], 2)
    low, high = data[..., :128].reshape(*halves, 64), data[..., 128:192].reshape(*halves, 32)
    nibbles = np.concatenate((low & 15, low >> 4), axis=-1)
    pairs = np.concatenate([high >> shift & 3 for shift in (0, 2, 4, 6)], axis=-1)
    told: NDArray[np.int8] = (nibbles | pairs << 4).astype(np.int8) - np.int8(32)
    return told


def _rows(weights: NDArray[np.float32]) -> Floats:
    told: Floats = weights.reshape(len(weights), -1).astype(np.float32)
    return told
