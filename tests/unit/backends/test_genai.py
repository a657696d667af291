"""The onnxruntime-genai backend: what it refuses, how much memory its slots take, and a second opinion on the CPU."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spark_engine.backends import registry
from spark_engine.backends.base import Decoder, Logits, SlotInput
from spark_engine.errors import SparkError
from spark_engine.protocol.messages import LoadPlan
from spark_engine.runner.model import Model
from tests.support.decoders import load_model, onnx_folder

CONTEXT = 512
PROMPT = list(range(30, 90))

pytestmark = pytest.mark.component("genai")


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    loaded = load_model("genai", slots=4, context=CONTEXT).decoder
    yield loaded
    loaded.close()


def load(folder: Path, device: str = "genai:cpu", context: int = CONTEXT) -> Model:
    plan = LoadPlan("test:model", "onnx", str(folder), device, context=context, slots=2)
    return Model.load(plan, lambda step: None)


def refused(folder: Path, device: str = "genai:cpu", context: int = CONTEXT) -> SparkError:
    with pytest.raises(SparkError) as caught:
        load(folder, device, context)
    assert caught.value.remedy
    return caught.value


def changed(folder: Path, change: Any) -> Path:
    """A copy of the model's folder with another `genai_config.json`."""
    shutil.copytree(onnx_folder(), folder)
    file = folder / "genai_config.json"
    described = json.loads(file.read_text())
    change(described["model"])
    file.write_text(json.dumps(described))
    return folder


def step(decoder: Decoder, slot: int, tokens: list[int], position: int = 0) -> Logits:
    logits = decoder.forward([SlotInput(slot, position, tokens, True)])[0]
    assert logits is not None
    return logits


def test_its_device_says_who_runs_the_model(decoder: Decoder) -> None:
    assert decoder.device == "CPU (onnxruntime-genai)"


def test_it_agrees_with_sparks_own_loop_on_the_same_file(decoder: Decoder) -> None:
    own = load_model("onnx", slots=4, context=CONTEXT, kernels=False).decoder
    theirs, ours = step(decoder, 0, PROMPT), step(own, 0, PROMPT)
    for position in range(len(PROMPT), len(PROMPT) + 8):
        np.testing.assert_allclose(theirs, ours, atol=0.05 * float(ours.std()), rtol=0)
        told = [int(ours.argmax())]
        theirs, ours = step(decoder, 0, told, position), step(own, 0, told, position)
    own.close()


def test_a_slot_takes_its_whole_room_and_no_more_than_the_context(decoder: Decoder) -> None:
    assert decoder.kv_bytes() == 0
    step(decoder, 0, PROMPT)
    one = decoder.kv_bytes()
    config = json.loads((onnx_folder() / "genai_config.json").read_text())["model"]["decoder"]
    numbers = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * config["head_size"]
    assert one == decoder.kv_bytes_for([3]) == CONTEXT * numbers * 4
    step(decoder, 1, PROMPT)
    assert decoder.kv_bytes() == 2 * one
    decoder.free(0)
    assert decoder.kv_bytes() == one


def test_less_memory_than_one_slot_makes_slots_shorter_until_they_need_more(decoder: Decoder) -> None:
    more = list(range(40, 40 + CONTEXT // 2))
    expected = step(decoder, 1, [*PROMPT, *more])
    decoder.free(1)
    decoder.limit_kv(decoder.kv_bytes_for([CONTEXT]) // 4)
    step(decoder, 0, PROMPT)
    small = decoder.kv_bytes()
    assert decoder.kv_bytes_for([CONTEXT // 4]) == small
    assert decoder.kv_bytes_for([CONTEXT]) == 4 * small
    np.testing.assert_allclose(
        step(decoder, 0, more, len(PROMPT)), expected, atol=0.05 * float(expected.std())
    )
    assert small < decoder.kv_bytes() == decoder.kv_bytes_for([len(PROMPT) + len(more)])


@pytest.mark.parametrize(
    "key", ["custom_ops_library", "session.model_external_initializers_file_folder_path"]
)
def test_settings_that_load_other_files_never_reach_the_library(tmp_path: Path, key: str) -> None:
    folder = changed(
        tmp_path / "hostile", lambda model: model["decoder"]["session_options"].update({key: "evil.so"})
    )
    (folder / "evil.so").write_bytes(b"not a library")
    error = refused(folder)
    assert error.code == "bad_model_files"
    assert key in error.message


def test_parts_beside_the_decoder_are_refused(tmp_path: Path) -> None:
    folder = changed(tmp_path / "seeing", lambda model: model.update(vision={"filename": "vision.onnx"}))
    error = refused(folder)
    assert error.code == "bad_model_files"
    assert "vision" in error.message


def test_what_the_library_says_of_broken_files_is_passed_on(tmp_path: Path) -> None:
    folder = changed(tmp_path / "broken", lambda model: None)
    (folder / "model.onnx").write_bytes(b"\x08\x01 no graph")
    assert refused(folder).code == "bad_model_files"


def test_a_context_across_the_switch_of_rotary_factors_is_refused(tmp_path: Path) -> None:
    folder = changed(tmp_path / "long", lambda model: None)
    rope = {"rope_type": "longrope", "original_max_position_embeddings": 256}
    (folder / "config.json").write_text(json.dumps({"rope_parameters": rope}))
    error = refused(folder, context=257)
    assert error.code == "context_too_large"
    assert "256" in error.remedy
    load(folder, context=256).decoder.close()


@pytest.mark.parametrize("device", ["webgpu", "openvino", "genai:dml", "genai:nonsense"])
def test_a_device_that_is_not_here_is_refused(device: str) -> None:
    error = refused(onnx_folder(), device)
    assert error.code == "device_unavailable"


def test_onnx_models_on_the_cpu_stay_with_sparks_own_loop() -> None:
    modules = {
        device: registry.find("onnx", device).decoder.__module__ for device in ("cpu", "genai:cpu", "webgpu")
    }
    ours, theirs = "spark_engine.backends.onnx", "spark_engine.backends.genai"
    assert modules == {"cpu": ours, "genai:cpu": theirs, "webgpu": theirs}


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime_genai", None)
    for name in ("genai", "genai_config"):
        monkeypatch.delitem(sys.modules, f"spark_engine.backends.{name}", raising=False)
    error = refused(onnx_folder())
    assert error.code == "component_missing"
    assert "spark backends install genai" in error.remedy
