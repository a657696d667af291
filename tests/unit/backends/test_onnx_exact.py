"""With Spark's own kernels an ONNX model gives every token the same bits, however its prompt is cut and whoever runs
beside it."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from spark_engine.backends.base import NO_ROUNDING, Decoder, Logits, SlotInput
from spark_engine.backends.onnx import create_decoder
from spark_engine.backends.onnx_kernels_check import attends_right
from spark_engine.protocol.messages import LoadPlan
from tests.support.decoders import onnx_folder

TOKENS = [random.Random(3).randrange(5, 1000) for _ in range(140)]
pytestmark = pytest.mark.skipif(not attends_right(), reason="this processor lacks AVX2")


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    plan = LoadPlan("test:model", "onnx", str(onnx_folder()), context=512, slots=4, threads=2)
    made = create_decoder(plan)
    for _ in made.load(plan):
        pass
    yield made
    made.close()


def logits_of(decoder: Decoder, cuts: list[int], *, beside: bool = False) -> list[Logits]:
    """The last logits of each piece; `beside`: of another stream, which decodes along."""
    if beside:
        decoder.forward([SlotInput(2, 0, TOKENS[:30], True)])
    found, place = [], 0
    for step, length in enumerate(cuts):
        batch = [SlotInput(0, place, TOKENS[place : place + length], True)]
        batch += [SlotInput(2, 30 + step, [7], True)] if beside else []
        (first, *_) = decoder.forward(batch)
        assert first is not None
        found.append(first.copy())
        place += length
    decoder.free(0)
    decoder.free(2)
    return found


def test_the_decoder_says_so(decoder: Decoder) -> None:
    assert decoder.rounding == NO_ROUNDING


@pytest.mark.parametrize(
    "cuts",
    [[140], [2] * 70, [3] * 46 + [2], [5, 1, 1, 1, 2, 130], [16] * 8 + [12], [131, *[1] * 9], [129, 11]],
)
def test_logits_do_not_depend_on_how_a_text_is_cut(decoder: Decoder, cuts: list[int]) -> None:
    singly = logits_of(decoder, [1] * len(TOKENS))
    ends = np.cumsum(cuts) - 1
    for end, found in zip(ends, logits_of(decoder, cuts), strict=True):
        assert np.array_equal(found, singly[end])


def test_logits_do_not_depend_on_who_runs_beside(decoder: Decoder) -> None:
    alone = logits_of(decoder, [100, *[1] * 20])
    together = logits_of(decoder, [100, *[1] * 20], beside=True)
    assert all(map(np.array_equal, alone, together))
