"""Finding backends, reading ONNX model folders, and the echo."""

import json
from pathlib import Path
from typing import Any

import pytest

from spark_engine.backends import device_env, registry
from spark_engine.backends.base import SlotInput
from spark_engine.backends.echo import ANSWER, END, EchoDecoder, create_decoder
from spark_engine.backends.onnx_config import OnnxConfig, context_and_switch, read_config
from spark_engine.errors import InvalidRequest, SparkError, Unavailable
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.chat import TextPrompt, TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions
from tests.support.decoders import Bench, load_model

DESCRIBED: dict[str, Any] = {
    "model": {
        "context_length": 131072,
        "decoder": {
            "filename": "model.onnx",
            "head_size": 64,
            "num_hidden_layers": 2,
            "num_key_value_heads": 2,
        },
        "type": "phi3",
        "vocab_size": 700,
    },
    "search": {"past_present_share_buffer": True},
}


def folder(where: Path, described: object = DESCRIBED, hf: object = None) -> Path:
    (where / "model.onnx").touch()
    (where / "genai_config.json").write_text(json.dumps(described))
    if hf is not None:
        (where / "config.json").write_text(json.dumps(hf))
    return where


def changed(section: str, **values: object) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(DESCRIBED))
    part = made["model"]["decoder"] if section == "decoder" else made[section]
    part.update(values)
    return made


def test_names_have_defaults_and_can_be_given(tmp_path: Path) -> None:
    config = read_config(folder(tmp_path))
    assert (config.past_key % 1, config.present_value % 0) == ("past_key_values.1.key", "present.0.value")
    named = changed("decoder", inputs={"past_key_names": "k_%d"}, outputs={"logits": "out"})
    config = read_config(folder(tmp_path, named))
    assert (config.past_key % 1, config.logits, config.layers) == ("k_1", "out", 2)


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        (changed("decoder", filename="../model.onnx"), "own folder"),
        (changed("decoder", filename="/etc/passwd"), "own folder"),
        (changed("decoder", filename="a\\b.onnx"), "own folder"),
        (changed("decoder", filename="model.onnx\0.txt"), "own folder"),
        (changed("decoder", filename="other.onnx"), "other.onnx is missing"),
        (changed("decoder", num_hidden_layers=-1), "num_hidden_layers"),
        (changed("decoder", num_hidden_layers="many"), "num_hidden_layers"),
        (changed("model", vocab_size=10**12), "vocab_size"),
        (changed("search", past_present_share_buffer=False), "GroupQueryAttention"),
        ({"model": None, "search": {}}, "GroupQueryAttention"),
        ({"search": {"past_present_share_buffer": True}}, "model"),
        ([], "no JSON object"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path, described: object, reason: str) -> None:
    with pytest.raises(Unavailable) as caught:
        read_config(folder(tmp_path, described))
    assert caught.value.code == "bad_model_files"
    assert reason in caught.value.message
    assert caught.value.remedy


def test_long_rope_models_switch_at_their_original_context(tmp_path: Path) -> None:
    hf = {
        "max_position_embeddings": 131072,
        "original_max_position_embeddings": 2048,
        "rope_scaling": {"type": "longrope"},
    }
    config = read_config(folder(tmp_path, hf=hf))
    assert context_and_switch(config, 2048) == (2048, None)
    assert context_and_switch(config, 2049) == (2049, 2048)
    newer = {"rope_parameters": {"rope_type": "longrope", "original_max_position_embeddings": 1024}}
    assert read_config(folder(tmp_path, hf=newer)).exact_context == 1024


def test_other_models_run_up_to_all_they_have(tmp_path: Path) -> None:
    hf = {"rope_scaling": {"rope_type": "llama3", "original_max_position_embeddings": 8192}}
    config = read_config(folder(tmp_path, hf=hf))
    assert context_and_switch(config, 100_000) == (100_000, None)
    assert context_and_switch(config, 200_000) == (131072, None)


def test_a_phi_folder_without_config_is_taken_for_long_rope(tmp_path: Path) -> None:
    config: OnnxConfig = read_config(folder(tmp_path))
    assert config.exact_context == 4096


def test_a_missing_library_names_the_component(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._MODULES, "gguf", registry._Entry("no_such_library_here", "gguf"))
    with pytest.raises(Unavailable) as caught:
        registry.find("gguf")
    assert caught.value.code == "component_missing"
    assert "spark backends install gguf" in caught.value.remedy


def test_the_environment_is_silenced_before_libraries_load() -> None:
    environ = {"ORT_DISABLE_TELEMETRY": "0", "PATH": "x"}
    device_env.prepare(environ)
    assert environ["ORT_DISABLE_TELEMETRY"] == environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] == "1"
    assert environ["PATH"] == "x"


def echo(path: str = "") -> EchoDecoder:
    plan = LoadPlan("echo:x", "echo", path)
    decoder = create_decoder(plan)
    assert isinstance(decoder, EchoDecoder)
    list(decoder.load(plan))
    return decoder


def test_the_echo_repeats_the_message_before_the_answer_mark() -> None:
    decoder, answer = echo(), []
    tokens = [257, 88, END, 258, 104, 105, END, ANSWER]
    position = 0
    while not answer or answer[-1] != END:
        logits = decoder.forward([SlotInput(0, position, tokens, True)])[0]
        assert logits is not None
        position += len(tokens)
        tokens = [int(logits.argmax())]
        answer += tokens
    assert answer == [104, 105, END]


def test_the_echo_takes_its_options_from_the_path() -> None:
    assert echo("anything?delay_ms=3&load_ms=1")._options.delay_s == 0.003
    with pytest.raises(SparkError):
        echo("?delay_ms=soon")


def test_raw_text_is_echoed_too() -> None:

    bench = Bench(load_model("echo"))
    bench.run([GenerationRequest("a", "m", TextPrompt("as it is"), SamplingOptions(temperature=0.7))])
    assert bench.told["a"].text == "as it is"


@pytest.mark.parametrize(
    ("prompt", "bias", "code", "param"),
    [
        ((), {}, "empty_prompt", "prompt"),
        ((5, 99999), {}, "unknown_token", "prompt"),
        ((5,), {999: 1.0}, "unknown_token", "logit_bias"),
    ],
)
def test_prompts_that_cannot_run_are_refused(
    prompt: tuple[int, ...], bias: dict[int, float], code: str, param: str
) -> None:

    bench = Bench(load_model("echo"))
    with pytest.raises(InvalidRequest) as caught:
        bench.submit(GenerationRequest("a", "m", TokensPrompt(prompt), SamplingOptions(logit_bias=bias)))
    assert (caught.value.code, caught.value.param) == (code, param)
