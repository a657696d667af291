"""Spark's own arithmetic for 4-bit weights: right numbers, the same bits in any company, and only where it fits."""

import os
import subprocess
import sys
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spark_engine.backends import onnx_kernels
from spark_engine.backends.onnx_config import read_config
from spark_engine.backends.onnx_hidden import open_decoder
from spark_engine.backends.onnx_kernels import BLOCK, DOMAIN, is_right, multiplied, with_kernels
from spark_engine.backends.onnx_session import open_session
from spark_engine.backends.onnx_wire import field, integer
from spark_engine.hardware.own_kernels import kernels_library
from tests.support.decoders import onnx_folder

FLOAT, UINT8, FLOAT16 = 1, 2, 10
SEED = 11


def attribute(name: str, number: int) -> bytes:
    return field(5, field(1, name.encode()) + integer(3, number) + integer(20, 2))


def operator(domain: str, inputs: tuple[str, ...], **attributes: int) -> bytes:
    names = b"".join(field(1, name.encode()) for name in inputs) + field(2, b"told")
    told = b"".join(attribute(*each) for each in attributes.items())
    return field(1, names + field(4, b"MatMulNBits") + told + field(7, domain.encode()))


def model(graph: bytes) -> bytes:
    sets = (("", 17), ("com.microsoft", 1), (DOMAIN, 1))
    told = b"".join(field(8, field(1, name.encode()) + integer(2, version)) for name, version in sets)
    return integer(1, 8) + field(7, graph + field(2, b"graph")) + told


def value(name: str, kind: int) -> bytes:
    return field(1, name.encode()) + field(2, field(1, integer(1, kind)))


class Numbers:
    """Random weights [columns, depth] in blocks, and rows for them."""

    def __init__(self, columns: int, depth: int, block: int, *, zeros: bool, rows: int = 21) -> None:
        random, blocks = np.random.default_rng(SEED), depth // block
        self.weights = random.integers(0, 256, (columns, blocks, block // 2), np.uint8)
        self.scales = random.random((columns, blocks), np.float32)
        self.zeros = random.integers(0, 16, (columns, blocks), np.uint8) if zeros else None
        self.rows = random.standard_normal((rows, depth), np.float32)
        self.shape = {"K": depth, "N": columns, "bits": 4, "block_size": block}

    def session(self, domain: str = DOMAIN, threads: int = 2) -> Any:
        kinds = {"rows": FLOAT, "weights": UINT8, "scales": FLOAT} | (
            {"zeros": UINT8} if self.zeros is not None else {}
        )
        graph = operator(domain, tuple(kinds), accuracy_level=4, **self.shape)
        graph += b"".join(field(11, value(*each)) for each in kinds.items()) + field(12, value("told", FLOAT))
        return open_session(model(graph), threads, kernels=domain == DOMAIN)

    def told(self, session: Any, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        given = {"rows": rows, "weights": self.weights, "scales": self.scales}
        if self.zeros is not None:
            even = np.concatenate(
                (self.zeros, np.zeros((len(self.zeros), self.zeros.shape[1] % 2), np.uint8)), 1
            )
            given["zeros"] = even[:, ::2] | even[:, 1::2] << 4
        result: NDArray[np.float32] = session.run(None, given)[0]
        return result

    @property
    def right(self) -> NDArray[np.float64]:
        """As `multiplied` says, whose blocks are 32 weights wide."""
        columns, wide = len(self.weights), self.shape["block_size"] // BLOCK
        weights = self.weights.reshape(columns, -1, BLOCK // 2)
        zeros = 8 if self.zeros is None else np.repeat(self.zeros, wide, 1)
        return multiplied(self.rows, weights, np.repeat(self.scales, wide, 1), zeros)


SHAPES = [*product((16, 40, 1), (32, 96), (32,)), (48, 512, 128), (33, 256, 64)]


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize(("columns", "depth", "block"), SHAPES)
def test_products_are_right_for_any_number_of_rows(columns: int, depth: int, block: int, zeros: bool) -> None:
    numbers = Numbers(columns, depth, block, zeros=zeros)
    told = numbers.told(numbers.session(), numbers.rows)
    assert np.abs(told - numbers.right).max() <= 2e-6 * np.abs(numbers.right).max() * depth**0.5


@pytest.mark.parametrize("zeros", [False, True])
def test_a_row_gives_the_same_bits_in_any_company(zeros: bool) -> None:
    numbers = Numbers(200, 2048, 32, zeros=zeros, rows=150)
    session, alone_session = numbers.session(), numbers.session(threads=1)
    together = numbers.told(session, numbers.rows)
    for count in (1, 2, 3, 5, 8, 9, 17, 64, 65):
        assert np.array_equal(numbers.told(session, numbers.rows[:count]), together[:count])
    alone = [numbers.told(alone_session, numbers.rows[place : place + 1])[0] for place in range(20)]
    assert np.array_equal(np.stack(alone), together[:20])


def test_rows_of_zeros_and_of_several_dimensions() -> None:
    numbers = Numbers(40, 64, 32, zeros=False)
    rows = np.zeros((2, 3, 64), np.float32)
    rows[1, 2] = numbers.rows[0]
    told = numbers.told(numbers.session(), rows)
    assert told.shape == (2, 3, 40)
    assert not told[0].any()
    assert np.allclose(told[1, 2], numbers.right[0], atol=1e-4)
    assert numbers.told(numbers.session(), rows[:0]).shape == (0, 3, 40)


def test_it_is_close_to_what_onnxruntime_itself_computes() -> None:
    numbers = Numbers(96, 1024, 32, zeros=True)
    own, theirs = (
        numbers.told(numbers.session(domain), numbers.rows) for domain in (DOMAIN, "com.microsoft")
    )
    assert np.abs(own - theirs).max() <= 0.01 * np.abs(theirs).max()


def test_without_the_widest_instructions_the_bits_are_the_same() -> None:
    """In children, as a process chooses its instructions once."""
    work = (
        "import hashlib; from tests.unit.backends.test_onnx_kernels import Numbers\n"
        "n = [Numbers(200, 512, 32, zeros=z) for z in (False, True)]\n"
        "print(hashlib.sha256(b''.join(i.told(i.session(), i.rows).tobytes() for i in n)).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", work], check=True, capture_output=True, env=os.environ | more
        ).stdout
        for more in ({}, {"SPARK_KERNELS": "avx2"})
    }
    assert len(told) == 1


def test_rows_of_another_length_are_refused() -> None:
    numbers = Numbers(40, 64, 32, zeros=False)
    with pytest.raises(Exception, match="not as long"):
        numbers.told(numbers.session(), np.zeros((1, 32), np.float32))


def test_the_library_was_built_and_is_right_here() -> None:
    assert kernels_library() is not None
    assert is_right()


def test_a_library_that_multiplies_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_kernels, "multiplied", lambda *given: multiplied(*given) * 1.01)
    is_right.cache_clear()
    try:
        assert with_kernels(model(part())) is None
    finally:
        is_right.cache_clear()


def test_a_missing_library_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_kernels, "kernels_library", lambda: None)
    is_right.cache_clear()
    try:
        assert with_kernels(model(part())) is None
    finally:
        is_right.cache_clear()


def part(
    *kinds: int, domain: str = "com.microsoft", inputs: tuple[str, ...] = ("rows", "w", "s"), **changed: int
) -> bytes:
    """An operator with initializers of these element types."""
    told = {"K": 64, "N": 16, "bits": 4, "block_size": 32, "accuracy_level": 4} | changed
    tensors = zip(("w", "s", "z"), kinds or (UINT8, FLOAT, UINT8), strict=False)
    tensor = b"".join(field(5, integer(2, kind) + field(8, name.encode())) for name, kind in tensors)
    return operator(domain, inputs, **told) + tensor


def test_an_operator_that_fits_is_ours() -> None:
    changed = with_kernels(model(part()))
    assert changed is not None
    assert changed.count(DOMAIN.encode()) == 1 + model(part()).count(DOMAIN.encode()) + 1
    assert with_kernels(model(part(inputs=("rows", "w", "s", "z")))) is not None


@pytest.mark.parametrize(
    "graph",
    [
        part(bits=8),
        part(block_size=16),
        part(K=80),
        part(accuracy_level=0),
        part(UINT8, FLOAT16),
        part(UINT8, FLOAT, FLOAT, inputs=("rows", "w", "s", "z")),
        part(inputs=("rows", "w", "s", "z", "order")),
        part(inputs=("rows", "w", "given")),
        part(domain="ai.onnx"),
    ],
)
def test_what_the_library_cannot_do_stays_as_it_is(graph: bytes) -> None:
    assert with_kernels(model(graph)) is None


def test_a_real_model_gives_nearly_the_same_logits_either_way() -> None:
    config = read_config(onnx_folder())
    kernels, hidden = open_decoder(config, 2)
    plain, name = open_decoder(config, 2, kernels=False)
    assert hidden == name
    given: dict[str, NDArray[Any]] = {
        value.name: np.zeros([1, config.kv_heads, 0, config.head_size], np.float32)
        for value in kernels.get_inputs()
        if "past" in value.name
    }
    ids = np.array([[5, 9, 200, 31]], np.int64)
    given |= {config.input_ids: ids, config.attention_mask: np.ones_like(ids)}
    own, theirs = (session.run([config.logits], given)[0] for session in (kernels, plain))
    assert np.corrcoef(own.ravel(), theirs.ravel())[0, 1] > 0.999
    assert not np.array_equal(own, theirs)  # it was really another arithmetic
