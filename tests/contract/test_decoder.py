"""What every backend promises: a slot's logits depend on its own tokens only, however the work is cut and mixed."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from spark_engine.backends.base import Decoder, Logits, SlotInput
from spark_engine.backends.cutting import cuts
from spark_engine.errors import SparkError
from spark_engine.protocol.messages import LoadPlan
from spark_engine.runner.model import Model
from tests.support.decoders import load_model, onnx_folder, path_of

SLOTS, CONTEXT = 8, 1024
# Of the logits' spread. Int8 activations round a little differently in each kernel; a wrong past is far off.
FLOAT32 = ("safetensors", "pytorch")
CLOSE = 0.05
LENGTHS = (5, 40, 17, 300, 1, 90, 33, 520)


@pytest.fixture(
    scope="module",
    params=[
        "echo",
        "onnx",
        pytest.param("genai", marks=pytest.mark.component("genai")),
        pytest.param("gguf", marks=pytest.mark.component("gguf")),
        pytest.param("gguf-q4_0", marks=pytest.mark.component("gguf")),
        pytest.param("safetensors", marks=pytest.mark.component("torch")),
        pytest.param("pytorch", marks=pytest.mark.component("torch")),
    ],
)
def loaded(request: pytest.FixtureRequest) -> Iterator[Model]:
    model = load_model(request.param, path=path_of(request), slots=SLOTS, context=CONTEXT)
    yield model
    model.decoder.close()


@pytest.fixture
def decoder(loaded: Model) -> Iterator[Decoder]:
    yield loaded.decoder
    for slot in range(SLOTS):
        loaded.decoder.free(slot)


def tokens_of(decoder: Decoder, length: int, seed: int) -> list[int]:
    draw: Any = np.random.default_rng(seed).integers(20, min(decoder.vocab_size, 250), size=length)
    return [int(token) for token in draw]


def put(decoder: Decoder, slot: int, tokens: list[int], position: int = 0) -> Logits:
    logits = decoder.forward([SlotInput(slot, position, tokens, True)])[0]
    assert logits is not None
    return logits.copy()


def follow(decoder: Decoder, slot: int, tokens: list[int], steps: int) -> list[Logits]:
    """The logits of a prompt and of the greedy steps after it."""
    told, length = [put(decoder, slot, tokens)], len(tokens)
    for step in range(steps):
        told.append(put(decoder, slot, [int(told[-1].argmax())], length + step))
    return told


def same(one: Logits, other: Logits, rounding: float = 0.0) -> None:
    """`rounding`: a lead may differ so much, which is twice what a logit may."""
    np.testing.assert_allclose(one, other, atol=max(CLOSE * float(one.std()), rounding / 2), rtol=0)


def test_says_what_it_is(decoder: Decoder) -> None:
    assert decoder.vocab_size > 100
    assert (decoder.max_slots, decoder.max_context) == (SLOTS, CONTEXT)
    assert decoder.device


def test_logits_are_one_float32_vector_each_and_only_where_wanted(decoder: Decoder) -> None:
    prompt = tokens_of(decoder, 9, 1)
    unwanted, wanted = decoder.forward([SlotInput(0, 0, prompt, False), SlotInput(1, 0, prompt, True)])
    assert unwanted is None
    assert wanted is not None
    assert wanted.shape == (decoder.vocab_size,)
    assert wanted.dtype == np.float32
    assert np.isfinite(wanted).all()


def test_logits_of_several_last_tokens_are_those_of_single_steps(decoder: Decoder) -> None:
    if decoder.max_logits == 1:
        pytest.skip(f"{decoder.device}: gives the logits of one token a step")
    prompt, checked = tokens_of(decoder, 40, 1), tokens_of(decoder, 5, 2)
    put(decoder, 0, prompt)
    put(decoder, 1, prompt)
    single = [put(decoder, 1, [token], len(prompt) + place) for place, token in enumerate(checked)]
    beside = SlotInput(2, 0, tokens_of(decoder, 3, 3), True)
    several, other = decoder.forward([SlotInput(0, len(prompt), checked, True, 4), beside])
    assert several is not None
    assert other is not None
    assert (several.shape, other.shape) == ((4, decoder.vocab_size), (decoder.vocab_size,))
    for one, row in zip(single[1:], several, strict=True):
        same(one, row, decoder.rounding)
    decoder.truncate(0, len(prompt) + 2)
    same(put(decoder, 0, checked[2:], len(prompt) + 2), single[-1], decoder.rounding)


def test_the_cache_stays_within_its_limit(decoder: Decoder) -> None:
    lengths: dict[int, int] = {}
    decoder.limit_kv(1)
    try:
        for slot, length in enumerate(LENGTHS[:6]):
            put(decoder, slot, tokens_of(decoder, length, slot))
            lengths[slot] = length
            assert decoder.kv_bytes() <= decoder.kv_bytes_for(list(lengths.values()))
        for slot in (3, 0, 5):
            decoder.free(slot)
            del lengths[slot]
            assert decoder.kv_bytes() <= decoder.kv_bytes_for(list(lengths.values()))
        assert (
            0 < decoder.kv_bytes_for([1]) <= decoder.kv_bytes_for([1, 700]) <= decoder.kv_bytes_for([700] * 3)
        )
    finally:
        decoder.limit_kv(sys.maxsize)


def test_answers_in_the_order_of_the_batch(decoder: Decoder) -> None:
    prompts = [tokens_of(decoder, length, length) for length in (6, 1, 12)]
    alone = [put(decoder, slot, prompt) for slot, prompt in enumerate(prompts)]
    for slot in range(3):
        decoder.free(slot)
    batch = [SlotInput(5 - slot, 0, prompts[slot], True) for slot in (2, 0, 1)]
    for expected, got in zip((2, 0, 1), decoder.forward(batch), strict=True):
        assert got is not None
        same(got, alone[expected])


def test_prompts_of_one_length_in_one_batch(decoder: Decoder) -> None:
    prompts = [tokens_of(decoder, 20, seed) for seed in range(3)]
    alone = [put(decoder, slot, prompt) for slot, prompt in enumerate(prompts)]
    for slot in range(3):
        decoder.free(slot)
    together = decoder.forward([SlotInput(slot, 0, prompt, True) for slot, prompt in enumerate(prompts)])
    for mine, row in zip(alone, together, strict=True):
        assert row is not None
        same(mine, row)


def test_rows_of_different_lengths_decode_as_if_alone(decoder: Decoder) -> None:
    prompts = [tokens_of(decoder, length, seed) for seed, length in enumerate(LENGTHS)]
    alone = []
    for prompt in prompts:
        alone.append(follow(decoder, 0, prompt, 12))
        decoder.free(0)
    first = decoder.forward([SlotInput(i, 0, prompt, True) for i, prompt in enumerate(prompts)])
    now = [logits.copy() for logits in first if logits is not None]
    for step in range(12):
        for mine, row in zip(alone, now, strict=True):
            same(mine[step], row)
        told = [int(mine[step].argmax()) for mine in alone]
        batch = [SlotInput(i, len(prompts[i]) + step, [told[i]], True) for i in range(SLOTS)]
        now = [logits.copy() for logits in decoder.forward(batch) if logits is not None]


@pytest.mark.parametrize("chunk", [1, 7, 16, 64, 299])
def test_a_prompt_in_chunks_is_the_same_prompt(decoder: Decoder, chunk: int) -> None:
    prompt = tokens_of(decoder, 300, 3)
    whole = put(decoder, 0, prompt)
    for begin in range(0, len(prompt), chunk):
        part = prompt[begin : begin + chunk]
        is_last = begin + chunk >= len(prompt)
        last = decoder.forward([SlotInput(1, begin, part, is_last)])[0]
    assert last is not None
    same(whole, last)


@pytest.mark.parametrize("most", [3, 7, 16, 64, 299])
def test_a_prompt_cut_as_the_runner_cuts_is_bit_by_bit_the_same(
    decoder: Decoder, most: int, request: pytest.FixtureRequest
) -> None:
    prompt = tokens_of(decoder, 300, 3)
    whole = put(decoder, 0, prompt)
    for cut in cuts(len(prompt), most):
        last = put(decoder, 1, prompt[cut], cut.start)
    if request.node.callspec.params["loaded"] in FLOAT32:  # where rounding stays as small as it begins
        np.testing.assert_allclose(whole, last, atol=1e-4, rtol=0)
    else:
        assert np.array_equal(whole, last)


@pytest.mark.parametrize("length", [33, 257, 300])
def test_a_prompt_beside_others_is_bit_by_bit_the_same(
    decoder: Decoder, length: int, request: pytest.FixtureRequest
) -> None:
    prompt, other, spoken = (tokens_of(decoder, length, 3), tokens_of(decoder, length, 4), [30, 31, 32])
    whole = put(decoder, 0, prompt)
    decoder.free(0)
    put(decoder, 1, spoken)
    for step, cut in enumerate(cuts(length, 16)):
        fewer = slice(cut.start - step, cut.stop - step - 1)  # other lengths, one token apart
        batch = [
            SlotInput(0, cut.start, prompt[cut], True),
            SlotInput(1, len(spoken) + step, [33], True),
            SlotInput(2, fewer.start, other[fewer], False),
        ]
        last = decoder.forward(batch)[0]
    assert last is not None
    if request.node.callspec.params["loaded"] in FLOAT32:
        np.testing.assert_allclose(whole, last, atol=1e-4, rtol=0)
    else:
        assert np.array_equal(whole, last)


def test_rows_join_and_leave_at_every_step(decoder: Decoder) -> None:
    prompts = [tokens_of(decoder, length, seed) for seed, length in enumerate(LENGTHS)]
    alone = []
    for prompt in prompts:
        alone.append(follow(decoder, 0, prompt, 6))
        decoder.free(0)
    # Sequence i joins at step i with a prefill beside the others' decode, and leaves six steps later.
    for step in range(len(prompts) + 7):
        batch, expected = [], []
        for i, prompt in enumerate(prompts):
            age = step - i
            if age == 0:
                batch.append(SlotInput(i, 0, prompt, True))
            elif 0 < age <= 6:
                batch.append(SlotInput(i, len(prompt) + age - 1, [int(alone[i][age - 1].argmax())], True))
            elif age == 7:
                decoder.free(i)
                continue
            else:
                continue
            expected.append(alone[i][age])
        for mine, row in zip(expected, decoder.forward(batch), strict=True):
            assert row is not None
            same(mine, row)


def test_a_newcomer_beside_a_running_slot_disturbs_none_that_idle(decoder: Decoder) -> None:
    prompts = [tokens_of(decoder, 20 + seed, seed) for seed in range(5)]
    expected = []
    for prompt in prompts:
        expected.append(follow(decoder, 7, prompt, 1)[1])
        decoder.free(7)
    firsts = [put(decoder, slot, prompts[slot]) for slot in range(4)]
    for step in range(40):  # long enough for the others to count as idle
        put(decoder, 1, [30 + step], len(prompts[1]) + step)
    runs = SlotInput(1, len(prompts[1]) + 40, [9], True)
    newcomer = decoder.forward([runs, SlotInput(4, 0, prompts[4], True)])[1]
    assert newcomer is not None
    firsts.append(newcomer.copy())
    for slot in (0, 2, 3, 4):
        same(put(decoder, slot, [int(firsts[slot].argmax())], len(prompts[slot])), expected[slot])


def test_idle_slots_keep_what_they_hold(decoder: Decoder) -> None:
    prompts = [tokens_of(decoder, 30 + slot, slot) for slot in range(SLOTS)]
    for slot, prompt in enumerate(prompts):
        put(decoder, slot, prompt)
    told = {slot: put(decoder, slot, [33], 30 + slot) for slot in (0, 7)}
    batch = [SlotInput(slot, 31 + slot, [44], False) for slot in (0, 7)]
    for _ in range(2):
        decoder.forward(batch)
        batch = [SlotInput(entry.slot, entry.position + 1, [44], False) for entry in batch]
    for slot in (0, 7):
        decoder.free(slot)
        same(put(decoder, slot, [*prompts[slot], 33]), told[slot])
    for slot in (3, 5):
        together = put(decoder, slot, [33], 30 + slot)
        decoder.free(0)
        same(put(decoder, 0, [*prompts[slot], 33]), together)


def test_copy_gives_another_slot_the_same_past(decoder: Decoder) -> None:
    prompt = tokens_of(decoder, 50, 4)
    put(decoder, 2, prompt)
    decoder.copy(2, 6, 30)
    same(put(decoder, 6, prompt[30:], 30), put(decoder, 1, prompt))
    same(put(decoder, 2, [40], 50), put(decoder, 6, [40], 50))


def test_truncate_forgets_the_end(decoder: Decoder) -> None:
    prompt = tokens_of(decoder, 60, 5)
    expected = put(decoder, 0, [*prompt[:25], 77, 78])
    put(decoder, 1, prompt)
    decoder.truncate(1, 25)
    same(put(decoder, 1, [77, 78], 25), expected)


def test_a_freed_slot_starts_anew(decoder: Decoder) -> None:
    first, second = tokens_of(decoder, 40, 6), tokens_of(decoder, 12, 7)
    expected = put(decoder, 0, second)
    put(decoder, 1, first)
    decoder.free(1)
    same(put(decoder, 1, second), expected)


def test_a_slot_can_be_filled_to_the_last_position_beside_others(decoder: Decoder) -> None:
    full, other = tokens_of(decoder, CONTEXT, 8), tokens_of(decoder, 20, 9)
    expected = put(decoder, 0, [*other, 50, 51])
    decoder.free(0)
    decoder.forward([SlotInput(1, 0, full[:-1], False)])
    decoder.forward([SlotInput(0, 0, other, False), SlotInput(2, 0, other, False)])
    before = put(decoder, 1, full[-1:], CONTEXT - 1)
    batch = [SlotInput(0, 20, [50], False), SlotInput(2, 20, [50], False)]
    decoder.forward(batch)
    got = decoder.forward([SlotInput(0, 21, [51], True), SlotInput(2, 21, [51], True)])
    for logits in got:
        assert logits is not None
        same(logits, expected)
    decoder.truncate(1, CONTEXT - 1)
    same(put(decoder, 1, full[-1:], CONTEXT - 1), before)


def test_work_that_does_not_fit_is_an_error_not_nonsense(decoder: Decoder) -> None:
    put(decoder, 0, tokens_of(decoder, 10, 1))
    with pytest.raises(ValueError, match="slot 0"):
        put(decoder, 0, [50], 12)


def test_memory_grows_with_use_and_shrinks_when_idle(decoder: Decoder) -> None:
    idle = decoder.kv_bytes()
    put(decoder, 0, tokens_of(decoder, 10, 1))
    small = decoder.kv_bytes()
    for slot in range(SLOTS):
        decoder.free(slot)
        put(decoder, slot, tokens_of(decoder, 600, slot))
    large = decoder.kv_bytes()
    for slot in range(SLOTS):
        decoder.free(slot)
    assert idle <= small < large
    assert decoder.kv_bytes() <= small


def test_the_last_sequence_of_many_gives_memory_back(decoder: Decoder) -> None:
    for slot in range(SLOTS):
        put(decoder, slot, tokens_of(decoder, 600 if slot else 10, slot))
    large = decoder.kv_bytes()
    for slot in range(1, SLOTS):
        decoder.free(slot)
    assert decoder.kv_bytes() < large
    expected = put(decoder, 0, [60], 10)
    same(put(decoder, 1, [*tokens_of(decoder, 10, 0), 60]), expected)


def test_a_model_that_is_not_there_is_refused_with_a_remedy() -> None:
    with pytest.raises(SparkError) as caught:
        load_model("onnx", path="/nowhere/at/all")
    assert caught.value.code in ("bad_tokenizer", "bad_model_files")
    assert caught.value.remedy


def test_another_device_than_the_cpu_is_refused() -> None:
    plan = LoadPlan("test:model", "onnx", str(onnx_folder()), device="cuda")
    with pytest.raises(SparkError) as caught:
        Model.load(plan, lambda step: None)
    assert caught.value.code == "device_unavailable"
