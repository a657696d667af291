"""Texts that are only read: the same float32 weights give transformers' hidden states in every format, also of texts
beyond the switch of rotary factors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spark_engine.backends.base import Hidden
from tests.parity.switching import ORIGINAL
from tests.support.decoders import load_model, safetensors_folder

Written = Callable[[str], str]
pytestmark = [pytest.mark.component("torch"), pytest.mark.timeout(300)]
CLOSE = 1e-3
FORMATS = [
    pytest.param("onnx", marks=pytest.mark.component("genai")),
    pytest.param("gguf", marks=pytest.mark.component("gguf")),
    "safetensors",
    "pytorch",
]


def theirs(folder: Path, tokens: list[int]) -> NDArray[np.float32]:
    """transformers' final hidden states of a text it sees whole."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(str(folder), dtype=torch.float32).eval()
    with torch.inference_mode():
        told: NDArray[np.float32] = model(torch.tensor([tokens])).last_hidden_state[0].numpy()
    return told


def ours(model_format: Any, path: str, tokens: list[int]) -> Hidden:
    """Spark's, read in three pieces."""
    model = load_model(model_format, path=path, context=1024)
    reading = model.decoder.read(len(tokens))
    cuts = (0, 50, 200, len(tokens))
    pieces = [reading.add(tokens[begin:end]) for begin, end in zip(cuts, cuts[1:], strict=False)]
    reading.close()
    model.decoder.close()
    return np.concatenate(pieces)


@pytest.mark.parametrize("model_format", FORMATS)
def test_hidden_states_are_the_same_in_every_format(model_format: str, nano: Written, say: Any) -> None:
    tokens = [int(token) for token in np.random.default_rng(5).integers(20, 250, size=400)]
    far = np.abs(ours(model_format, nano(model_format), tokens) - theirs(safetensors_folder(), tokens)).max()
    say(f"{model_format}: hidden states of 400 tokens differ by at most {far:.1e}")
    assert far < CLOSE


@pytest.mark.parametrize("length", [ORIGINAL, ORIGINAL + 1, 3 * ORIGINAL])
@pytest.mark.parametrize("model_format", FORMATS)
def test_a_long_text_is_read_with_the_long_factors_from_its_first_token_on(
    model_format: str, length: int, switching: Written, switching_folder: Path
) -> None:
    tokens = [int(token) for token in np.random.default_rng(6).integers(20, 250, size=length)]
    expected = theirs(switching_folder, tokens)
    np.testing.assert_allclose(
        ours(model_format, switching(model_format), tokens), expected, atol=CLOSE, rtol=0
    )
    if length > ORIGINAL:
        short = theirs(switching_folder, tokens[:ORIGINAL])
        assert np.abs(expected[:ORIGINAL] - short).max() > 10 * CLOSE, "the factors make no difference"
