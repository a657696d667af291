"""Tokens of many sequences in one run: the same bits as in runs of their own, and only for models that allow it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.backends import onnx_hidden
from spark_engine.backends.base import Decoder, SlotInput
from spark_engine.backends.onnx import create_decoder
from spark_engine.backends.onnx_graph import in_domain, nodes
from spark_engine.backends.onnx_joined import COUNTS, WANTED, joined
from spark_engine.backends.onnx_kernels_check import DOMAIN, attends_right
from spark_engine.backends.onnx_line import fitting
from spark_engine.backends.protobuf import field, integer
from spark_engine.protocol.messages import LoadPlan
from tests.support.decoders import onnx_folder

TOKENS = [int(token) for token in np.random.default_rng(5).integers(5, 1000, 900)]
attends = pytest.mark.skipif(not attends_right(), reason="this processor lacks AVX2")


def decoder_of(context: int = 1024) -> Decoder:
    plan = LoadPlan("test:model", "onnx", str(onnx_folder()), context=context, slots=6, threads=2)
    made = create_decoder(plan)
    for _ in made.load(plan):
        pass
    return made


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Decoder, Decoder]]:
    """The model in line, and the same kernels in runs apart."""
    in_line = decoder_of()
    monkeypatch.setattr(onnx_hidden, "joined", lambda *given: None)
    apart = decoder_of()
    yield in_line, apart
    in_line.close()
    apart.close()


def both(pair: tuple[Decoder, Decoder], batch: list[SlotInput]) -> None:
    """The same step on both, and the same logits bit for bit."""
    told, right = (decoder.forward(batch) for decoder in pair)
    for one, other in zip(told, right, strict=True):
        assert (one is None) == (other is None)
        assert one is None or other is None or np.array_equal(one, other)


@attends
def test_steps_in_line_give_the_bits_of_runs_apart(pair: tuple[Decoder, Decoder]) -> None:
    assert [decoder.joins for decoder in pair] == [True, False]
    both(pair, [SlotInput(0, 0, TOKENS[:30], True), SlotInput(3, 0, TOKENS[:700], True, 3)])
    both(pair, [SlotInput(4, 0, TOKENS[:5], False)])
    # One decodes, a prompt goes on, one begins; rows 1 and 2 are nobody's.
    both(
        pair,
        [SlotInput(0, 30, [7], True), SlotInput(4, 5, TOKENS[5:77], False), SlotInput(5, 0, [9, 8], True)],
    )
    both(
        pair,
        [SlotInput(4, 77, [5], True), SlotInput(3, 700, TOKENS[:4], True, 4), SlotInput(0, 31, [3], True)],
    )
    for decoder in pair:
        decoder.free(0)
        decoder.truncate(3, 690)
        decoder.copy(4, 1, 60)
    both(
        pair,
        [SlotInput(1, 60, [5], True), SlotInput(3, 690, [6], True), SlotInput(5, 2, TOKENS[:600], True, 16)],
    )


@attends
def test_what_is_read_apart_has_the_same_states(pair: tuple[Decoder, Decoder]) -> None:
    for decoder in pair:
        decoder.forward([SlotInput(2, 0, TOKENS[:40], False)])
    states = []
    for decoder in pair:
        reading = decoder.read(600)
        states.append(np.concatenate((reading.add(TOKENS[:7]), reading.add(TOKENS[7:600]))))
        reading.close()
    assert np.array_equal(*states)


@attends
def test_logits_stay_until_the_next_step(pair: tuple[Decoder, Decoder]) -> None:
    """Also where a step takes several runs."""
    in_line, _ = pair
    batch = [SlotInput(0, 0, TOKENS[:40], True), SlotInput(1, 0, TOKENS[:800], True)]
    first, second = in_line.forward(batch)
    for slot in (0, 1):
        in_line.free(slot)
    (alone,) = in_line.forward(batch[:1])
    assert first is not None and second is not None and alone is not None
    assert not np.array_equal(first, second)
    first = first.copy()
    in_line.free(0)
    (again,) = in_line.forward(batch[:1])
    assert again is not None and np.array_equal(again, first)


@st.composite
def entries(draw: st.DrawFn) -> list[SlotInput]:
    found = []
    for slot in range(draw(st.integers(1, 6))):
        length = draw(st.integers(1, 90))
        last = draw(st.integers(1, min(length, 16)))
        found.append(SlotInput(slot, draw(st.integers(0, 9)), list(range(length)), draw(st.booleans()), last))
    return found


@given(entries(), st.integers(16, 64))
def test_entries_are_cut_so_that_every_run_fits_and_nothing_is_lost(
    batch: list[SlotInput], most: int
) -> None:
    rest, parts, runs = batch, {entry.slot: list[SlotInput]() for entry in batch}, 0
    while rest:
        now, rest = fitting(rest, most)
        assert now
        assert sum(len(entry.tokens) for entry in now) <= most
        for entry in now:
            parts[entry.slot].append(entry)
        runs += 1
    for entry in batch:
        done = entry.position
        for part in parts[entry.slot]:
            assert part.position == done
            done += len(part.tokens)
        assert [token for part in parts[entry.slot] for token in part.tokens] == list(entry.tokens)
        *before, end = parts[entry.slot]
        assert not any(part.wants_logits for part in before)
        assert (end.wants_logits, end.last) == (entry.wants_logits, entry.last)
    assert runs <= 2 * (1 + sum(len(entry.tokens) for entry in batch) // most) + len(batch)


def node(operator: str, inputs: str, output: str, domain: str = "com.microsoft") -> bytes:
    """`inputs` with commas between; blank ones are left out."""
    told = b"".join(field(1, name.encode()) for name in inputs.split(","))
    return field(
        1, told + field(2, output.encode()) + field(4, operator.encode()) + field(7, domain.encode())
    )


LENGTHS = node("ReduceSum", "mask", "sum") + node("Sub", "sum,one", "last") + node("Shape", "mask", "longest")
ATTENTION = node("GroupQueryAttention", "q,,,k,v,last,longest,cos,sin,,,", "told")
HEAD = node("MatMulNBits", "states,w,s", "logits")
GRAPH = LENGTHS + ATTENTION + node("Add", "told,q", "states") + HEAD


def changed(graph: bytes) -> bytes | None:
    ours = in_domain(integer(1, 8) + field(7, graph), DOMAIN, lambda node, types: True)
    return None if ours is None else joined(ours, "mask", "states")


def test_a_model_that_allows_it_gets_both_lists() -> None:
    made = changed(GRAPH)
    assert made is not None
    found = {node.operator: node.inputs for node in nodes(memoryview(made))}
    assert found["GroupQueryAttention"] == (
        "q",
        "",
        "",
        "k",
        "v",
        "last",
        "longest",
        "cos",
        "sin",
        COUNTS,
        "",
        "",
    )
    assert found["MatMulNBits"] == ("states", "w", "s", "", WANTED)
    assert len(made) < len(GRAPH) + 500


@pytest.mark.parametrize(
    "graph",
    [
        GRAPH + HEAD,  # two heads
        GRAPH + node("GroupQueryAttention", "q,,,k,v,last,longest,cos,sin,,,", "more", "theirs"),
        GRAPH + node("MatMul", "states,w", "more", ""),  # adds up in its own order
        LENGTHS + node("Mul", "mask,q", "masked") + ATTENTION + HEAD,  # the mask touches tokens
        LENGTHS + node("GroupQueryAttention", "q,,,k,v,longest,longest,last,sin,,,", "told") + HEAD,
        LENGTHS + ATTENTION,  # no head
    ],
)
def test_others_stay_as_they_are(graph: bytes) -> None:
    assert changed(graph) is None


def test_broken_bytes_are_an_error_and_no_crash() -> None:
    whole: Any = in_domain(integer(1, 8) + field(7, GRAPH), DOMAIN, lambda node, types: True)
    for end in range(8, len(whole) - 40, 7):
        with pytest.raises(ValueError):  # noqa: PT011 whatever is wrong with it
            joined(whole[:end], "mask", "states")
