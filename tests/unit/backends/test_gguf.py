"""What only the GGUF decoder promises: exact company, a cache that moves unharmed, and clear refusals."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spark_engine.backends import registry
from spark_engine.backends.base import Decoder, LoadStep, Logits, SlotInput
from spark_engine.errors import InvalidRequest, SparkError
from spark_engine.protocol.messages import LoadPlan
from spark_engine.runner.model import Model
from tests.support.decoders import gguf_file

pytestmark = pytest.mark.component("gguf")
CONTEXT = 1100  # no multiple of anything


def plan(path: Path | None = None, **options: object) -> LoadPlan:
    settings: dict[str, object] = {"slots": 4, "context": CONTEXT, "threads": 1, **options}
    return LoadPlan("test:model", "gguf", str(path or gguf_file()), **settings)  # type: ignore[arg-type]


def loaded(given: LoadPlan) -> tuple[Decoder, list[LoadStep]]:
    decoder = registry.find("gguf").decoder(given)
    return decoder, list(decoder.load(given))


@pytest.fixture(scope="module")
def model() -> Iterator[Decoder]:
    decoder = loaded(plan())[0]
    yield decoder
    decoder.close()


@pytest.fixture
def decoder(model: Decoder) -> Iterator[Decoder]:
    yield model
    for slot in range(4):
        model.free(slot)


def put(decoder: Decoder, slot: int, tokens: list[int], position: int = 0) -> Logits:
    logits = decoder.forward([SlotInput(slot, position, tokens, True)])[0]
    assert logits is not None
    return logits


def prompt(length: int, seed: int) -> list[int]:
    return [int(token) for token in np.random.default_rng(seed).integers(20, 800, size=length)]


def test_company_does_not_change_a_single_bit(decoder: Decoder):
    prompts = [prompt(length, length) for length in (7, 90, 260, 33)]
    alone = []
    for tokens in prompts:
        alone.append([put(decoder, 0, tokens), put(decoder, 0, [99], len(tokens))])
        decoder.free(0)
    together = [
        decoder.forward([SlotInput(slot, 0, tokens, True) for slot, tokens in enumerate(prompts)]),
        decoder.forward([SlotInput(slot, len(tokens), [99], True) for slot, tokens in enumerate(prompts)]),
    ]
    for slot in range(4):
        for step in range(2):
            np.testing.assert_array_equal(together[step][slot], alone[slot][step])


def test_a_slot_keeps_its_past_while_the_cache_is_rebuilt_around_it(decoder: Decoder):
    tokens = prompt(40, 1)
    put(decoder, 3, tokens)
    expected = put(decoder, 3, [50], 40)
    decoder.truncate(3, 40)
    small = decoder.kv_bytes()
    for slot in range(3):
        put(decoder, slot, prompt(700, slot))  # more streams, longer streams
    assert decoder.kv_bytes() > small
    np.testing.assert_array_equal(put(decoder, 3, [50], 40), expected)
    decoder.truncate(3, 40)
    decoder.free(0)  # a gap, which closes
    np.testing.assert_array_equal(put(decoder, 3, [50], 40), expected)
    decoder.truncate(3, 40)
    decoder.free(1)
    decoder.free(2)
    assert decoder.kv_bytes() == small
    np.testing.assert_array_equal(put(decoder, 3, [50], 40), expected)


def test_a_slot_freed_in_the_middle_leaves_the_others_right(decoder: Decoder):
    alone = put(decoder, 0, [*prompt(30, 7), 60])
    decoder.free(0)
    for slot in range(4):
        put(decoder, slot, prompt(30, 5 + slot))
    decoder.free(0)
    decoder.free(1)
    both = decoder.forward([SlotInput(3, 30, [60], True), SlotInput(2, 30, [60], True)])
    assert both[1] is not None
    np.testing.assert_array_equal(both[1], alone)


def test_a_copy_of_part_of_a_slot_goes_on_by_itself(decoder: Decoder):
    tokens = prompt(50, 2)
    expected = put(decoder, 0, tokens)
    decoder.copy(0, 2, 20)
    np.testing.assert_array_equal(put(decoder, 2, tokens[20:], 20), expected)
    decoder.copy(1, 2, 0)
    np.testing.assert_array_equal(put(decoder, 2, tokens), expected)


def test_an_empty_step_is_nothing(decoder: Decoder):
    assert decoder.forward([]) == []


def test_a_prompt_longer_than_one_run_beside_others(decoder: Decoder):
    long, short = prompt(CONTEXT, 3), prompt(5, 4)
    expected = put(decoder, 0, short)
    decoder.free(0)
    both = decoder.forward([SlotInput(1, 0, long, True), SlotInput(0, 0, short, True)])
    assert both[0] is not None
    assert both[1] is not None
    np.testing.assert_array_equal(both[1], expected)
    decoder.free(1)
    put(decoder, 2, long[:700])
    np.testing.assert_array_equal(put(decoder, 2, long[700:], 700), both[0])


def test_loading_tells_how_far_it_is():
    decoder, steps = loaded(plan(slots=1))
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {step.step for step in steps} >= {"reading the model", "warming up"}
    per_position = 7 * 2 * 128 * 2  # layers, keys and values, heads times their size, bytes of float16
    assert decoder.kv_bytes() == 512 * per_position
    decoder.close()


def test_loading_can_be_given_up():
    loading = registry.find("gguf").decoder(plan()).load(plan())
    next(loading)
    loading.close()  # type: ignore[attr-defined]


def test_a_switch_of_rotary_factors_between_llama_cpps_steps_is_refused(tmp_path: Path):
    data, key = bytearray(gguf_file().read_bytes()), b"rope.scaling.original_context_length"
    struct.pack_into("<I", data, data.index(key) + len(key) + 4, 4100)  # after the number's type
    (file := tmp_path / "between.gguf").write_bytes(data)
    with pytest.raises(InvalidRequest) as caught:
        loaded(plan(file, context=4097))
    assert caught.value.code == "context_too_large"
    assert "4096" in caught.value.remedy


def test_another_device_is_refused():
    with pytest.raises(SparkError) as caught:
        loaded(plan(device="cuda"))
    assert caught.value.code == "device_unavailable"


def refusal(path: Path) -> SparkError:
    with pytest.raises(SparkError) as caught:
        Model.load(plan(path), lambda step: None)
    assert caught.value.remedy
    return caught.value


HEADER = struct.Struct("<4sIQQ")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"", "not a GGUF"),
        (b"PK\x03\x04 something else entirely", "not a GGUF"),
        (b"GGUF\x03\0", "ends in its header"),
        (HEADER.pack(b"GGUF", 1, 1, 1) + bytes(99), "version 1"),
        (HEADER.pack(b"GGUF", 0x03000000, 1, 1) + bytes(99), "version"),
        (HEADER.pack(b"GGUF", 3, 2**60, 1) + bytes(99), "more or less"),
        (HEADER.pack(b"GGUF", 3, 1, 2**63) + bytes(99), "more or less"),
        (HEADER.pack(b"GGUF", 3, 0, 0) + bytes(99), "more or less"),
    ],
)
def test_a_file_that_is_no_model_is_refused_before_native_code_reads_it(
    tmp_path: Path, start: bytes, words: str
):
    file = tmp_path / "model.gguf"
    file.write_bytes(start)
    error = refusal(file)
    assert error.code == "bad_model_files"
    assert words in error.message


def test_no_file_and_a_folder_are_refused(tmp_path: Path):
    assert "no such file" in refusal(tmp_path / "model.gguf").message
    assert "no such file" in refusal(tmp_path).message


def test_a_file_cut_short_is_refused(tmp_path: Path):
    whole = gguf_file().read_bytes()
    for length in (1000, len(whole) // 2):
        file = tmp_path / f"{length}.gguf"
        file.write_bytes(whole[:length])
        error = refusal(file)
        assert error.code == "bad_model_files"
        assert "llama.cpp" not in error.message, "it says why"


def test_an_architecture_that_llama_cpp_does_not_know_is_named(tmp_path: Path):
    file = tmp_path / "model.gguf"
    file.write_bytes(gguf_file().read_bytes().replace(b"phi3", b"phi9"))
    error = refusal(file)
    assert error.code == "unsupported_architecture"
    assert "phi9" in error.message
