"""Whether Spark's own library computes right on this processor: small cases whose results are known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.onnx_session import open_session
from spark_engine.backends.onnx_write import FLOAT, INT32, INT64, UINT8, node, reads, tells
from spark_engine.backends.onnx_write import model as write_model

DOMAIN = "spark.kernels"
"""As long as `com.microsoft`, whose place it takes in a file's bytes."""
BLOCK = 32
_EPSILON = 1e-4
Floats = NDArray[np.float32]


def multiplies_right() -> bool:
    """One product of small matrices."""
    random = np.random.default_rng(7)
    rows = random.standard_normal((3, 2 * BLOCK), np.float32)
    weights = random.integers(0, 256, (40, 2, BLOCK // 2), np.uint8)
    scales = random.random((40, 2), np.float32)
    numbers = {"K": 2 * BLOCK, "N": 40, "bits": 4, "block_size": BLOCK}
    model = operator_model(
        "MatMulNBits", {"rows": FLOAT, "weights": UINT8, "scales": FLOAT}, ("told",), numbers
    )
    return gives(
        model, {"rows": rows, "weights": weights, "scales": scales}, multiplied(rows, weights, scales)
    )


def rounded(rows: Floats) -> NDArray[np.float64]:
    """Rows [count, depth] as the library rounds them to 8 bits, by blocks."""
    pieces = rows.reshape(len(rows), -1, BLOCK)
    steps = np.abs(pieces).max(axis=2, keepdims=True) / np.float32(127)
    inverse = np.divide(np.float32(1), steps, out=np.zeros_like(steps), where=steps > 0)
    told: NDArray[np.float64] = (np.rint(pieces * inverse) * steps.astype(np.float64)).reshape(len(rows), -1)
    return told


def attends_right() -> bool:
    """Some tokens behind a few in the cache, two query heads to each of the cache."""
    random, heads, size, before = np.random.default_rng(7), 2, 64, 20
    tokens = random.standard_normal((1, 5, (heads + 2) * size), np.float32) / 4
    caches = [random.standard_normal((1, 1, 32, size), np.float32) for _ in range(2)]
    angles = random.standard_normal((32, size // 4), np.float32)
    given: dict[str, NDArray[Any]] = {
        "tokens": tokens, "keys": caches[0], "values": caches[1],
        "last": np.array([before + 4], np.int32), "longest": np.array([before + 5], np.int32),
        "cosines": np.cos(angles), "sines": np.sin(angles),
    }  # fmt: skip
    right = attended(tokens[0], caches[0][0], caches[1][0], angles, before, heads)
    return gives(attention_model(heads, 1, size**-0.5), given, right[None])


def multiplied(
    rows: Floats, weights: NDArray[np.uint8], scales: Floats, zeros: NDArray[np.uint8] | int = 8
) -> NDArray[np.float64]:
    """What the library is to give: `rows` [count, depth], rounded to 8 bits by blocks, times weights [columns, blocks,
    half a block] with scales [columns, blocks] and zero points [columns, blocks]."""
    columns, blocks = weights.shape[:2]
    halves = np.stack((weights & 15, weights >> 4), axis=-1).reshape(columns, blocks, -1).astype(np.int64)
    numbers = halves - (zeros if isinstance(zeros, int) else zeros.astype(np.int64)[:, :, None])
    wide = (numbers * scales.astype(np.float64)[:, :, None]).reshape(columns, -1)
    told: NDArray[np.float64] = rounded(rows) @ wide.T
    return told


def attended(
    tokens: Floats, keys: Floats, values: Floats, angles: Floats, before: int, heads: int
) -> NDArray[np.float64]:
    """What the library is to give: [count, heads x size] for `tokens` [count, (heads + 2 x cache heads) x size] after
    `before` others in the cache, keys and values [cache heads, positions, size]; angles [positions, half of what is
    turned of a head]."""
    kept, _, size = keys.shape
    cut = tokens.astype(np.float64).reshape(len(tokens), -1, size)
    places = slice(before, before + len(tokens))
    queries = _turned(cut[:, :heads], angles[places])
    keys, values = keys.astype(np.float64), values.astype(np.float64)
    keys[:, places] = _turned(cut[:, heads : heads + kept], angles[places]).swapaxes(0, 1)
    values[:, places] = cut[:, heads + kept :].swapaxes(0, 1)
    told = np.empty((len(tokens), heads, size))
    for token, head in np.ndindex(len(tokens), heads):
        seen = before + token + 1
        scores = keys[head * kept // heads, :seen] @ queries[token, head] * size**-0.5
        shares = np.exp(scores - scores.max())
        told[token, head] = shares / shares.sum() @ values[head * kept // heads, :seen]
    return told.reshape(len(tokens), -1)


def attention_model(
    heads: int, kept: int, scale: float, domain: str = DOMAIN, *, in_line: bool = False
) -> bytes:
    """A model that is one attention of `heads` heads, `kept` of them in the cache; `in_line`: with `counts`."""
    inputs = {"tokens": FLOAT, "": 0, " ": 0, "keys": FLOAT, "values": FLOAT, "last": INT32, "longest": INT32}
    inputs |= {"cosines": FLOAT, "sines": FLOAT} | ({"counts": INT64} if in_line else {})
    numbers = {"num_heads": heads, "kv_num_heads": kept, "scale": scale, "do_rotary": 1}
    return operator_model(
        "GroupQueryAttention", inputs, ("told", "new_keys", "new_values"), numbers, domain=domain
    )


def operator_model(
    name: str,
    inputs: dict[str, int],
    outputs: tuple[str, ...],
    numbers: dict[str, int] | dict[str, float],
    *,
    domain: str = DOMAIN,
) -> bytes:
    """A model that is one operator. `inputs` with their element types; blank names are left out."""
    graph = node(name, (each.strip() for each in inputs), outputs, domain, **numbers)
    graph += b"".join(reads(each, kind) for each, kind in inputs.items() if each.strip())
    graph += b"".join(tells(each, FLOAT) for each in outputs)
    return write_model(graph, {"": 17, "com.microsoft": 1, DOMAIN: 1})


def gives(model: bytes, given: dict[str, NDArray[Any]], right: NDArray[np.float64]) -> bool:
    """Whether the first output is right but for rounding."""
    try:
        told = open_session(model, 1, kernels=True).run(None, given)[0]
    except Exception:  # however the library cannot be used, onnxruntime's own operators can
        return False
    return bool(np.abs(told - right).max() <= _EPSILON * np.abs(right).max())


def _turned(heads: NDArray[np.float64], angles: Floats) -> NDArray[np.float64]:
    """Heads [tokens, heads, size], the first two halves of what is turned against each other."""
    half = angles.shape[1]
    cosines, sines = np.cos(angles)[:, None], np.sin(angles)[:, None]
    first, second = heads[..., :half], heads[..., half : 2 * half]
    rest = heads[..., 2 * half :]
    return np.concatenate((first * cosines - second * sines, second * cosines + first * sines, rest), axis=-1)
