"""Spark's own arithmetic for ONNX: right numbers, the same bits in any company, and only where it fits."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spark_engine.backends import onnx_kernels, onnx_kernels_check
from spark_engine.backends.onnx_config import read_config
from spark_engine.backends.onnx_hidden import open_decoder
from spark_engine.backends.onnx_kernels import HEAD_SIZES, with_kernels
from spark_engine.backends.onnx_kernels_check import (
    BLOCK,
    DOMAIN,
    FLOAT,
    INT64,
    UINT8,
    attended,
    attends_right,
    attention_model,
    multiplied,
    multiplies_right,
    operator_model,
)
from spark_engine.backends.onnx_session import open_session
from spark_engine.backends.protobuf import field, fraction, integer
from spark_engine.hardware.own_kernels import kernels_library
from tests.support.decoders import onnx_folder

FLOAT16, SEED = 10, 11


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
        kinds = {"rows": FLOAT, "weights": UINT8, "scales": FLOAT}
        kinds |= {"zeros": UINT8} if self.zeros is not None else {}
        numbers = self.shape | {"accuracy_level": 4}
        model = operator_model("MatMulNBits", kinds, ("told",), numbers, domain=domain)
        return open_session(model, threads, kernels=domain == DOMAIN)

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


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_with_no_number_gives_none_and_others_stay(bad: float) -> None:
    numbers = Numbers(40, 64, 32, zeros=False, rows=3)
    session, sound = numbers.session(), numbers.rows.copy()
    numbers.rows[1, 40] = bad
    told = numbers.told(session, numbers.rows)
    assert np.isnan(told[1]).all()
    assert np.array_equal(told[[0, 2]], numbers.told(session, sound)[[0, 2]])


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


@pytest.mark.parametrize("short", ["weights", "scales", "zeros"])
def test_weights_that_are_fewer_than_the_file_says_are_refused(short: str) -> None:
    numbers = Numbers(40, 64, 32, zeros=True)
    setattr(numbers, short, getattr(numbers, short)[:20])
    with pytest.raises(Exception, match="laid out"):
        numbers.told(numbers.session(), numbers.rows)


def test_rows_of_another_length_are_refused() -> None:
    numbers = Numbers(40, 64, 32, zeros=False)
    with pytest.raises(Exception, match="not as long"):
        numbers.told(numbers.session(), np.zeros((1, 32), np.float32))


class Cached:
    """Six query heads, two in the cache: random caches [2, 300, 64], tokens to be added, and angles."""

    heads, kept, size, positions = 6, 2, 64, 300

    def __init__(self, tokens: int, size: int = 64) -> None:
        random, self.size = np.random.default_rng(SEED), size
        self.tokens = random.standard_normal((tokens, (self.heads + 2 * self.kept) * size), np.float32)
        shape = (self.kept, self.positions, size)
        self.keys, self.values = (random.standard_normal(shape, np.float32) for _ in range(2))
        self.angles = random.standard_normal((self.positions, size * 3 // 8), np.float32)

    def session(self, domain: str = DOMAIN) -> Any:
        model = attention_model(self.heads, self.kept, self.size**-0.5, domain)
        return open_session(model, 2, kernels=domain == DOMAIN)

    def given(self, tokens: NDArray[np.float32], last: tuple[int, ...]) -> dict[str, NDArray[Any]]:
        """What the model reads: `tokens` [batch, tokens, …], and the `last` position of each of the batch."""
        return {
            "tokens": tokens, "keys": np.stack([self.keys] * len(last)), "values": np.stack([self.values] * len(last)),
            "last": np.array(last, np.int32), "longest": np.array([max(last) + 1], np.int32),
            "cosines": np.cos(self.angles), "sines": np.sin(self.angles),
        }  # fmt: skip

    def told(self, session: Any, before: int, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """The tokens [first, last) after `before + first` positions; the cache keeps them."""
        tokens = self.tokens[None, first:last]
        until = before + first + tokens.shape[1]
        told, keys, values = session.run(None, self.given(tokens, (until - 1,)))
        place = slice(before + first, until)
        self.keys[:, place], self.values[:, place] = keys[0, :, place], values[0, :, place]
        result: NDArray[np.float32] = told[0]
        return result


attends = pytest.mark.skipif(not attends_right(), reason="this processor lacks AVX2")


@attends
@pytest.mark.parametrize("size", HEAD_SIZES)
@pytest.mark.parametrize(("tokens", "before"), [(1, 0), (1, 200), (7, 0), (40, 128), (150, 100)])
def test_attention_is_right(tokens: int, before: int, size: int) -> None:
    cached = Cached(tokens, size)
    right = attended(cached.tokens, cached.keys, cached.values, cached.angles, before, cached.heads)
    assert np.abs(cached.told(cached.session(), before) - right).max() < 2e-5


@attends
def test_a_token_attends_with_the_same_bits_in_any_company() -> None:
    together, apart = Cached(150), Cached(150)
    session = together.session()
    at_once = together.told(session, 30)
    pieces = ((0, 1), (1, 2), (2, 5), (5, 21), (21, 22), (22, 100), (100, 150))
    cut = np.concatenate([apart.told(session, 30, *piece) for piece in pieces])
    assert np.array_equal(at_once, cut)


@attends
def test_streams_of_several_lengths_attend_as_each_alone() -> None:
    cached, lengths = Cached(4), (0, 17, 128, 250)
    session = cached.session()
    together = session.run(None, cached.given(cached.tokens[:, None], lengths))[0]
    for number, before in enumerate(lengths):
        alone = Cached(4).told(session, before - number, number, number + 1)
        assert np.array_equal(together[number], alone)


@attends
def test_attention_is_close_to_what_onnxruntime_itself_computes() -> None:
    own, theirs = Cached(40), Cached(40)
    difference = own.told(own.session(), 90) - theirs.told(theirs.session("com.microsoft"), 90)
    assert 0 < np.abs(difference).max() < 1e-5


@attends
@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("values", np.s_[:, :, :100]),
        ("values", np.s_[:, :1]),
        ("sines", np.s_[:40]),
        ("cosines", np.s_[:, :5]),
        ("last", np.s_[:0]),
    ],
)
def test_inputs_that_are_smaller_than_the_others_say_are_refused(name: str, cut: Any) -> None:
    cached = Cached(5)
    given = cached.given(cached.tokens[None], (54,))
    given[name] = np.ascontiguousarray(given[name][cut])
    with pytest.raises(Exception, match=r"angles|its cache|lengths"):
        cached.session().run(None, given)


def line(tokens: int, counts: tuple[int, ...], last: tuple[int, ...]) -> tuple[Any, dict[str, NDArray[Any]]]:
    """A session that takes tokens in a line, and what it reads: so many of each row of the cache."""
    cached = Cached(tokens)
    model = attention_model(cached.heads, cached.kept, cached.size**-0.5, in_line=True)
    given = cached.given(cached.tokens[None], last) | {"counts": np.array(counts, np.int64)}
    return open_session(model, 2, kernels=True), given


@attends
def test_a_line_of_several_sequences_attends_as_each_alone() -> None:
    counts, last = (7, 0, 1, 40, 2), (6, 17, 250, 168, 9)
    session, given = line(50, counts, last)
    together, begin = session.run(None, given)[0][0], 0
    for count, end in zip(counts, last, strict=True):
        if count:
            alone = Cached(50).told(Cached(50).session(), end + 1 - count - begin, begin, begin + count)
            assert np.array_equal(together[begin : begin + count], alone)
        begin += count


@attends
@pytest.mark.parametrize(
    ("counts", "last"),
    [
        ((3, 3), (9, 9)),  # more tokens than there are
        ((3, 1), (9, 9)),
        ((-1, 6), (9, 9)),
        ((6, -1), (9, 9)),
        ((5,), (9, 9)),
        ((5, 0, 0), (9, 9)),
        ((5, 0), (3, 9)),  # before the first position
        ((0, 5), (0, 300)),  # behind the cache
        ((2**62, 2**62), (9, 9)),
    ],
)
def test_a_line_that_does_not_fit_its_sequences_is_refused(
    counts: tuple[int, ...], last: tuple[int, ...]
) -> None:
    session, given = line(5, counts, last)
    given["longest"] = np.array([10], np.int32)
    with pytest.raises(Exception, match="positions"):
        session.run(None, given)


def wanted_session(numbers: Numbers) -> Any:
    kinds = {"rows": FLOAT, "weights": UINT8, "scales": FLOAT, "": 0, "wanted": INT64}
    model = operator_model("MatMulNBits", kinds, ("told",), numbers.shape | {"accuracy_level": 4})
    return open_session(model, 2, kernels=True)


def test_only_rows_that_are_wanted_are_multiplied() -> None:
    numbers = Numbers(200, 512, 32, zeros=False)
    session, whole = wanted_session(numbers), numbers.told(numbers.session(), numbers.rows)
    given = {"rows": numbers.rows[None], "weights": numbers.weights, "scales": numbers.scales}
    for wanted in ([3], [20, 0, 3, 3], []):
        (told,) = session.run(None, given | {"wanted": np.array(wanted, np.int64)})
        assert np.array_equal(told[0], whole[wanted] if wanted else whole)
    for bad in ([21], [-1], [0, 2**62]):
        with pytest.raises(Exception, match="not there"):
            session.run(None, given | {"wanted": np.array(bad, np.int64)})


@attends
def test_positions_before_the_first_are_refused() -> None:
    cached = Cached(5)
    with pytest.raises(Exception, match="positions"):
        cached.told(cached.session(), -2)


def test_the_library_was_built_and_is_right_here() -> None:
    assert kernels_library() is not None
    assert multiplies_right()


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What was found out about the library is forgotten, before and after."""
    onnx_kernels._is_right.cache_clear()
    yield
    onnx_kernels._is_right.cache_clear()


@pytest.mark.usefixtures("forgotten")
def test_a_library_that_multiplies_wrongly_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_kernels_check, "multiplied", lambda *given: multiplied(*given) * 1.01)
    assert with_kernels(model(part()), 64) is None


@pytest.mark.usefixtures("forgotten")
def test_a_library_that_attends_wrongly_only_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_kernels_check, "attended", lambda *given: attended(*given) * 1.01)
    assert with_kernels(model(attention()), 64) is None
    assert with_kernels(model(part()), 64) is not None


@pytest.mark.usefixtures("forgotten")
def test_a_missing_library_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_kernels, "kernels_library", lambda: None)
    assert with_kernels(model(part()), 64) is None


def model(graph: bytes) -> bytes:
    return integer(1, 8) + field(7, graph)


def operator(name: str, inputs: tuple[str, ...], domain: str, **numbers: float) -> bytes:
    told = field(4, name.encode()) + b"".join(field(1, each.encode()) for each in inputs)
    told += b"".join(field(2, each) for each in (b"told", b"keys", b"values")) + field(7, domain.encode())
    for each, number in numbers.items():
        is_whole = isinstance(number, int)
        told += field(5, field(1, each.encode()) + (integer(3, number) if is_whole else fraction(2, number)))
    return field(1, told)


def part(
    *kinds: int, domain: str = "com.microsoft", inputs: tuple[str, ...] = ("rows", "w", "s"), **changed: int
) -> bytes:
    """A multiplication with initializers of these element types."""
    told = {"K": 64, "N": 16, "bits": 4, "block_size": 32, "accuracy_level": 4} | changed
    tensors = zip(("w", "s", "z"), kinds or (UINT8, FLOAT, UINT8), strict=False)
    tensor = b"".join(field(5, integer(2, kind) + field(8, name.encode())) for name, kind in tensors)
    return operator("MatMulNBits", inputs, domain, **told) + tensor


def attention(inputs: str = "q,,,k,v,last,longest,cos,sin,,,", **changed: float) -> bytes:
    """An attention as the model builder writes it."""
    told = {"num_heads": 4, "kv_num_heads": 2, "scale": 0.125, "do_rotary": 1, "softcap": 0.0} | changed
    told.setdefault("local_window_size", 2**64 - 1)
    return operator("GroupQueryAttention", tuple(inputs.split(",")), "com.microsoft", **told)


def test_operators_that_fit_are_ours() -> None:
    changed = with_kernels(model(part()), 64)
    assert changed is not None
    assert changed.count(DOMAIN.encode()) == 2  # the operator's, and that it is used at all
    assert with_kernels(model(part(inputs=("rows", "w", "s", "z"))), 64) is not None


@attends
def test_an_attention_that_fits_is_ours() -> None:
    both = with_kernels(model(part() + attention()), 64)
    assert both is not None
    assert both.count(DOMAIN.encode()) == 3
    other = with_kernels(model(part() + attention()), 80)
    assert other is not None
    assert other.count(DOMAIN.encode()) == 2


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
        attention("q,k,v,pk,pv,last,longest,cos,sin,,,"),
        attention("q,,,k,v,last,longest,cos,sin,positions,,"),
        attention("q,,,k,v,last,longest,,,,,"),
        attention(local_window_size=512),
        attention(softcap=30.0),
        attention(rotary_interleaved=1),
        attention(do_rotary=0),
    ],
)
def test_what_the_library_cannot_do_stays_as_it_is(graph: bytes) -> None:
    assert with_kernels(model(graph), 64) is None


def test_a_real_model_gives_nearly_the_same_logits_either_way() -> None:
    config = read_config(onnx_folder())
    kernels, hidden, is_exact, joins = open_decoder(config, 2)
    plain, name, is_plain_exact, plainly_joins = open_decoder(config, 2, kernels=False)
    assert hidden == name
    assert is_exact == attends_right()
    assert joins == is_exact
    assert not is_plain_exact
    assert not plainly_joins
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
