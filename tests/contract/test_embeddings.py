"""What every backend promises of texts that are only read: the model's own hidden states, and nobody is disturbed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spark_engine.backends.base import Decoder, Hidden, SlotInput
from spark_engine.errors import CannotEmbed
from spark_engine.runner.model import Model
from tests.support.decoders import load_model, path_of, safetensors_folder
from tests.support.float32 import write_gguf

CONTEXT = 1024
LENGTH = 300
# Of quantized weights; the same weights in 32 bits give the same numbers.
ALIKE, EXACT = 0.97, 1e-3


@pytest.fixture(
    scope="module",
    params=[
        "echo",
        "onnx",
        pytest.param("gguf", marks=pytest.mark.component("gguf")),
        pytest.param("safetensors", marks=pytest.mark.component("torch")),
        pytest.param("pytorch", marks=pytest.mark.component("torch")),
    ],
)
def loaded(request: pytest.FixtureRequest) -> Iterator[Model]:
    model = load_model(request.param, path=path_of(request), context=CONTEXT)
    yield model
    model.decoder.close()


@pytest.fixture
def decoder(loaded: Model) -> Iterator[Decoder]:
    yield loaded.decoder
    for slot in range(loaded.decoder.max_slots):
        loaded.decoder.free(slot)


def tokens_of(length: int, seed: int = 0) -> list[int]:
    drawn: Any = np.random.default_rng(seed).integers(20, 250, size=length)
    return [int(token) for token in drawn]


def read(decoder: Decoder, tokens: list[int], *cuts: int) -> Hidden:
    """The hidden states of a text read in pieces."""
    reading = decoder.read(len(tokens))
    ends = [*cuts, len(tokens)]
    pieces = [reading.add(tokens[begin:end]) for begin, end in zip([0, *cuts], ends, strict=True)]
    reading.close()
    return np.concatenate(pieces)


def cosines(one: Hidden, other: Hidden) -> Hidden:
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    told: Hidden = (one * other).sum(-1) / lengths
    return told


def theirs(tokens: list[int], folder: Path) -> Hidden:
    """transformers' own final hidden states."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(str(folder), dtype=torch.float32).eval()
    with torch.inference_mode():
        hidden: Hidden = model(torch.tensor([tokens])).last_hidden_state[0].numpy()
    return hidden


def test_one_vector_per_token_however_the_text_is_cut(decoder: Decoder) -> None:
    tokens = tokens_of(LENGTH)
    whole = read(decoder, tokens)
    assert whole.dtype == np.float32
    assert whole.shape == (LENGTH, whole.shape[1])
    for cuts in ((1,), (7, 8, 200), (64, 128, 192, 256)):
        assert cosines(whole, read(decoder, tokens, *cuts)).min() > 0.999


def test_reading_and_generating_do_not_disturb_each_other(decoder: Decoder) -> None:
    prompt, text = tokens_of(40, 1), tokens_of(LENGTH, 2)
    undisturbed = read(decoder, text, 100, 200)
    alone = _logits(decoder, 0, prompt, 0), _logits(decoder, 0, [30], 40)
    used = decoder.kv_bytes()
    decoder.free(0)
    reading = decoder.read(LENGTH)
    pieces = [reading.add(text[:100])]
    beside = [_logits(decoder, 0, prompt, 0)]
    pieces.append(reading.add(text[100:200]))
    beside.append(_logits(decoder, 0, [30], 40))
    pieces.append(reading.add(text[200:]))
    reading.close()
    reading.close()
    assert decoder.kv_bytes() == used, "a reading left something in the cache"
    for mine, theirs in zip(beside, alone, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(np.concatenate(pieces), undisturbed)


def test_two_texts_may_be_half_read_at_once(decoder: Decoder) -> None:
    one, other = tokens_of(90, 3), tokens_of(120, 4)
    first, second = decoder.read(len(one)), decoder.read(len(other))
    told = [first.add(one[:50]), second.add(other[:50]), first.add(one[50:]), second.add(other[50:])]
    first.close()
    second.close()
    np.testing.assert_array_equal(np.concatenate(told[::2]), read(decoder, one, 50))
    np.testing.assert_array_equal(np.concatenate(told[1::2]), read(decoder, other, 50))


def test_a_text_may_fill_the_whole_context(decoder: Decoder) -> None:
    assert len(read(decoder, tokens_of(CONTEXT), 500)) == CONTEXT


def _logits(decoder: Decoder, slot: int, tokens: list[int], position: int) -> Hidden:
    logits = decoder.forward([SlotInput(slot, position, tokens, True)])[0]
    assert logits is not None
    return logits.copy()


@pytest.mark.component("torch")
def test_the_states_are_those_of_transformers(loaded: Model, request: pytest.FixtureRequest) -> None:
    named = request.node.callspec.params["loaded"]
    if named == "echo":
        pytest.skip("the echo is no model")
    tokens = tokens_of(LENGTH)
    ours, expected = read(loaded.decoder, tokens, 111), theirs(tokens, safetensors_folder())
    if named in ("safetensors", "pytorch"):
        np.testing.assert_allclose(ours, expected, atol=EXACT, rtol=0)
    assert cosines(ours, expected).min() > ALIKE
    print(f"{named}: cosine with transformers {cosines(ours, expected).min():.5f} at least")


@pytest.mark.component("torch")
@pytest.mark.component("gguf")
def test_float32_weights_in_llama_cpp_give_the_same_states(tmp_path: Path) -> None:
    file = write_gguf(safetensors_folder(), tmp_path / "nano.gguf")
    model = load_model("gguf", path=str(file), context=CONTEXT)
    tokens = tokens_of(LENGTH)
    np.testing.assert_allclose(
        read(model.decoder, tokens, 77), theirs(tokens, safetensors_folder()), atol=EXACT, rtol=0
    )
    model.decoder.close()


@pytest.mark.component("genai")
def test_a_runtime_that_hides_the_states_says_so() -> None:
    model = load_model("genai", context=64)
    with pytest.raises(CannotEmbed):
        model.decoder.read(5)
    model.decoder.close()
