"""The torch backend computes what transformers alone computes, for several architectures, in any mixture of rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the backend component torch is not installed")
transformers = pytest.importorskip("transformers", reason="the backend component torch is not installed")

from spark_engine.backends.base import Logits, SlotInput  # noqa: E402
from spark_engine.backends.torch_decoder import RUN_TOKENS, TorchDecoder  # noqa: E402
from spark_engine.protocol.messages import LoadPlan  # noqa: E402
from spark_engine.runner.model import Model  # noqa: E402
from spark_engine.types.chat import ChatMessage, ChatPrompt  # noqa: E402
from tests.support.decoders import load_model, safetensors_folder, write_pytorch  # noqa: E402

TIE = 1e-4
CLOSE = 1e-3
STEPS = 64
QUESTIONS = (
    "who are you",
    "How do I load a model?",
    "List three colours, one per line, and say why you chose them.",
)
SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
# Weights large enough for attention to matter: a wrong past must change the logits.
COMMON = SMALL | {
    "vocab_size": 64,
    "max_position_embeddings": 256,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}


@pytest.fixture(scope="module")
def nano() -> Iterator[Model]:
    loaded = load_model("safetensors")
    yield loaded
    loaded.decoder.close()


@pytest.fixture(scope="module")
def reference() -> Any:
    folder = str(safetensors_folder())
    transformers.logging.disable_progress_bar()
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def decoder_of(folder: Path, model_format: Any = "safetensors", **plan: Any) -> TorchDecoder:
    decoder = TorchDecoder()
    list(decoder.load(LoadPlan("test:model", model_format, str(folder), **{"context": 256, **plan})))
    return decoder


def put(decoder: TorchDecoder, tokens: list[int], *cuts: int, slot: int = 0) -> Logits:
    """The logits after `tokens`, given in pieces that end at `cuts`."""
    logits, begin = None, 0
    for end in (*cuts, len(tokens)):
        logits = decoder.forward([SlotInput(slot, begin, tokens[begin:end], True)])[0]
        begin = end
    assert logits is not None
    return logits.copy()


def own(model: Any, tokens: list[int]) -> Logits:
    """The same as transformers alone computes it."""
    with torch.inference_mode():
        logits: Logits = model(torch.tensor([tokens])).logits[0, -1].numpy()
    return logits


def draw(length: int, vocabulary: int = 64) -> list[int]:
    return [int(token) for token in np.random.default_rng(length).integers(2, vocabulary, size=length)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_greedy_tokens_are_those_of_generate(nano: Model, reference: Any, question: str) -> None:
    prompt = nano.prompts.encode(ChatPrompt((ChatMessage("user", question),)))
    ids = torch.tensor([prompt])
    told = reference.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=STEPS, eos_token_id=-1
    )
    expected = told[0, len(prompt) :].tolist()
    nano.decoder.free(0)
    logits = nano.decoder.forward([SlotInput(0, 0, prompt, True)])[0]
    for place, token in enumerate(expected):
        assert logits is not None
        if int(logits.argmax()) != token:
            best, second = np.sort(logits)[-2:][::-1]
            assert best - second < TIE, f"another token at {place}, and no tie"
            break
        logits = nano.decoder.forward([SlotInput(0, len(prompt) + place, [token], True)])[0]
    else:
        assert len(expected) == STEPS


def test_one_run_takes_decode_steps_and_chunks_and_nobody_sees_another(nano: Model, reference: Any) -> None:
    decoder, old, new = nano.decoder, draw(70, 250), draw(RUN_TOKENS + 90, 250)
    for slot in (0, 1, 2):
        decoder.free(slot)
    decoder.forward([SlotInput(0, 0, old[:-1], False), SlotInput(2, 0, old[:30], False)])
    batch = [SlotInput(1, 0, new, True), SlotInput(0, 69, old[-1:], True), SlotInput(2, 30, old[30:], True)]
    for entry, logits in zip((new, old, old), decoder.forward(batch), strict=True):
        assert logits is not None
        np.testing.assert_allclose(logits, own(reference, entry), atol=CLOSE)


def test_a_step_that_fails_leaves_no_trace(nano: Model, reference: Any) -> None:
    prompt = draw(40, 250)
    nano.decoder.free(3)
    nano.decoder.forward([SlotInput(3, 0, prompt[:20], False)])
    with pytest.raises(IndexError):
        nano.decoder.forward([SlotInput(3, 20, [10**6], True)])
    logits = nano.decoder.forward([SlotInput(3, 20, prompt[20:], True)])[0]
    assert logits is not None
    np.testing.assert_allclose(logits, own(reference, prompt), atol=CLOSE)


def test_a_slot_in_the_batch_twice_is_an_error(nano: Model) -> None:
    nano.decoder.free(4)
    with pytest.raises(ValueError, match="twice"):
        nano.decoder.forward([SlotInput(4, 0, [20, 21], False), SlotInput(4, 2, [22], True)])


def test_the_cache_takes_what_its_numbers_take(nano: Model) -> None:
    for slot in range(nano.decoder.max_slots):
        nano.decoder.free(slot)
    assert nano.decoder.kv_bytes() == 0
    nano.decoder.forward([SlotInput(0, 0, draw(300, 250), False)])
    layers, kinds, heads, size, width = 7, 2, 2, 64, 4
    used = layers * kinds * heads * size * width * 300
    assert used <= nano.decoder.kv_bytes() <= 1.5 * used


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("LlamaConfig", COMMON),
        (
            "LlamaConfig",
            COMMON | {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}},
        ),
        ("Qwen2Config", COMMON),
        ("Qwen3Config", COMMON | {"head_dim": 16}),
        ("MistralConfig", COMMON | {"sliding_window": 16}),
        ("Gemma3TextConfig", COMMON | {"head_dim": 8, "sliding_window": 16, "num_hidden_layers": 6}),
        (
            "GPT2Config",
            {
                "vocab_size": 64,
                "n_embd": 32,
                "n_layer": 2,
                "n_head": 4,
                "n_positions": 256,
                "initializer_range": 0.3,
            },
        ),
    ],
)
def test_other_architectures_too(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    torch.manual_seed(7)
    config = getattr(transformers, kind)(**options)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(tmp_path)
    decoder, tokens = decoder_of(tmp_path), draw(90)
    expected = own(model, tokens)
    spread = CLOSE * float(expected.std())
    assert decoder.vocab_size == 64
    for slot, cuts in enumerate([(), (89,), (20, 60, 88, 89)]):
        np.testing.assert_allclose(put(decoder, tokens, *cuts, slot=slot), expected, atol=spread)


def test_half_precision_weights_are_computed_in_32_bits(tmp_path: Path) -> None:
    torch.manual_seed(7)
    model = transformers.AutoModelForCausalLM.from_config(transformers.LlamaConfig(**COMMON)).eval()
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    reference = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    expected = own(reference, draw(40))
    np.testing.assert_allclose(
        put(decoder_of(tmp_path), draw(40)), expected, atol=CLOSE * float(expected.std())
    )


@pytest.mark.parametrize("layout", ["pytorch_model.bin", "model.pt", "two shards"])
def test_pytorch_checkpoints_of_every_layout(tmp_path: Path, nano: Model, layout: str) -> None:
    file = write_pytorch(tmp_path) / "pytorch_model.bin"
    if layout == "model.pt":
        file.rename(tmp_path / layout)
    elif layout == "two shards":
        split(file)
    nano.decoder.free(0)
    expected = nano.decoder.forward([SlotInput(0, 0, draw(20, 250), True)])[0]
    assert expected is not None
    np.testing.assert_allclose(put(decoder_of(tmp_path, "pytorch"), draw(20, 250)), expected, atol=CLOSE)


def split(file: Path) -> None:
    """Turn one checkpoint file into two and an index."""
    import json

    tensors = torch.load(file, weights_only=True)
    places = {name: f"part-{number % 2}.bin" for number, name in enumerate(tensors)}
    for part in set(places.values()):
        torch.save({n: tensors[n].clone() for n, p in places.items() if p == part}, file.parent / part)
    file.with_name("pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    file.unlink()
