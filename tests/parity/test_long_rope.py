"""Crossing the switch of rotary factors is exact in every format: as if transformers saw each sequence whole."""

from collections.abc import Iterator

import numpy as np
import pytest

from spark_engine.backends.base import Decoder, Logits, SlotInput
from spark_engine.backends.cutting import cuts
from tests.parity.conftest import Written
from tests.parity.reference import expected_answers
from tests.parity.switching import ORIGINAL, Truth
from tests.support.decoders import Decoding, load_model

CLOSE = 1e-3
CONTEXT = 600
SLOTS = 4

pytestmark = pytest.mark.component("torch")  # the reference


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("onnx", marks=pytest.mark.component("genai")),
        pytest.param("gguf", marks=pytest.mark.component("gguf")),
        "safetensors",
    ],
)
def loaded(request: pytest.FixtureRequest, switching: Written) -> Iterator[Decoder]:
    decoding: Decoding = request.param
    decoder = load_model(decoding, path=switching(decoding), slots=SLOTS, context=CONTEXT).decoder
    yield decoder
    decoder.close()


@pytest.fixture
def decoder(loaded: Decoder) -> Iterator[Decoder]:
    yield loaded
    for slot in range(SLOTS):
        loaded.free(slot)


def tokens_of(truth: Truth, length: int, seed: int = 0) -> list[int]:
    draw = np.random.default_rng(seed).integers(20, truth.vocabulary, size=length)
    return [int(token) for token in draw]


def put(decoder: Decoder, slot: int, tokens: list[int], position: int = 0) -> Logits:
    logits = decoder.forward([SlotInput(slot, position, tokens, True)])[0]
    assert logits is not None
    return logits.copy()


def logprobs(logits: Logits) -> Logits:
    peak = logits - logits.max()
    told: Logits = peak - np.log(np.exp(peak).sum())
    return told


def same(truth: Truth, logits: Logits, tokens: list[int]) -> None:
    """`logits` are what should come after `tokens`."""
    np.testing.assert_allclose(logprobs(logits), truth.after(tokens), atol=CLOSE, rtol=0)


def test_the_two_sides_of_the_switch_are_far_apart(truth: Truth) -> None:
    for length in (ORIGINAL, ORIGINAL + 1):
        tokens = tokens_of(truth, length)
        assert np.abs(truth.with_other_factors(tokens) - truth.after(tokens)).max() > 100 * CLOSE


@pytest.mark.parametrize("length", [10, ORIGINAL - 1, ORIGINAL, ORIGINAL + 1, 500])
def test_a_prompt_of_any_length(decoder: Decoder, truth: Truth, length: int) -> None:
    tokens = tokens_of(truth, length)
    same(truth, put(decoder, 0, tokens), tokens)


def test_a_long_prompt_in_pieces_that_know_where_it_ends(decoder: Decoder, truth: Truth) -> None:
    tokens = tokens_of(truth, ORIGINAL + 40)
    for cut in cuts(len(tokens), 64):
        piece = SlotInput(0, cut.start, tokens[cut], True, reach=len(tokens))
        (logits,) = decoder.forward([piece])
    assert decoder.original_context == ORIGINAL
    assert logits is not None
    same(truth, logits, tokens)


def test_generating_across_the_switch_is_transformers_generate(
    decoder: Decoder, truth: Truth, switching: Written
) -> None:
    prompt = tokens_of(truth, ORIGINAL - 6)
    (expected,) = expected_answers(truth.model, [prompt], 14)
    logits = put(decoder, 0, prompt)
    for place, token in enumerate(expected.tokens):
        np.testing.assert_allclose(logprobs(logits), expected.logprobs[place], atol=CLOSE, rtol=0)
        logits = put(decoder, 0, [token], len(prompt) + place)


@pytest.mark.parametrize("chunk", [100, 250])
def test_a_long_prompt_in_chunks(decoder: Decoder, truth: Truth, chunk: int) -> None:
    tokens = tokens_of(truth, 520)
    for begin in range(0, len(tokens), chunk):
        logits = put(decoder, 1, tokens[begin : begin + chunk], begin)
    same(truth, logits, tokens)


def test_sequences_on_both_sides_and_one_that_crosses_share_steps(decoder: Decoder, truth: Truth) -> None:
    lengths = (20, ORIGINAL - 2, 400)
    rows = [tokens_of(truth, length, seed) for seed, length in enumerate(lengths)]
    decoder.forward([SlotInput(slot, 0, tokens, False) for slot, tokens in enumerate(rows)])
    for step in range(5):
        told = decoder.forward(
            [SlotInput(slot, len(row), [30 + step], True) for slot, row in enumerate(rows)]
        )
        for row, logits in zip(rows, told, strict=True):
            row.append(30 + step)
            assert logits is not None
            same(truth, logits, row)


def test_logits_of_several_tokens_across_the_switch(decoder: Decoder, truth: Truth) -> None:
    if decoder.max_logits == 1:
        pytest.skip("gives the logits of one token a step")
    tokens, guesses = tokens_of(truth, ORIGINAL - 3), [40, 41, 42, 43, 44, 45]
    put(decoder, 0, tokens)
    (told,) = decoder.forward([SlotInput(0, len(tokens), guesses, True, len(guesses))])
    assert told is not None
    for place, logits in enumerate(told):
        same(truth, logits, [*tokens, *guesses[: place + 1]])


def test_cut_back_below_the_switch(decoder: Decoder, truth: Truth) -> None:
    tokens = tokens_of(truth, 300)
    put(decoder, 2, tokens)
    decoder.truncate(2, 100)
    same(truth, put(decoder, 2, [40, 41], 100), [*tokens[:100], 40, 41])
    more = tokens_of(truth, 200, 9)
    same(truth, put(decoder, 2, more, 102), [*tokens[:100], 40, 41, *more])


def test_a_copied_beginning_may_stay_on_either_side(decoder: Decoder, truth: Truth) -> None:
    tokens = tokens_of(truth, 300)
    put(decoder, 0, tokens)
    decoder.copy(0, 1, 280)
    decoder.copy(0, 3, 120)
    same(truth, put(decoder, 1, [50], 280), [*tokens[:280], 50])
    same(truth, put(decoder, 3, [51], 120), [*tokens[:120], 51])
    same(truth, put(decoder, 0, [52], 300), [*tokens, 52])


def test_memory_is_given_back_on_both_sides(decoder: Decoder, truth: Truth) -> None:
    idle = decoder.kv_bytes()
    put(decoder, 0, tokens_of(truth, 500))
    put(decoder, 1, tokens_of(truth, 100))
    assert decoder.kv_bytes() <= 2 * decoder.kv_bytes_for([500, 100])
    for slot in (0, 1):
        decoder.free(slot)
    assert decoder.kv_bytes() <= max(idle, decoder.kv_bytes_for([1]))
