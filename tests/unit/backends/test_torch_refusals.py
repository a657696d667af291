"""What the torch backend refuses to load, and that it says why: unsafe, broken, unknown and oversized models."""

import json
import os
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the backend component torch is not installed")
transformers = pytest.importorskip("transformers", reason="the backend component torch is not installed")

from spark_engine.backends.torch_decoder import TorchDecoder  # noqa: E402
from spark_engine.errors import InvalidRequest, SparkError, Unavailable  # noqa: E402
from spark_engine.protocol.messages import LoadPlan  # noqa: E402
from tests.support.decoders import safetensors_folder, write_pytorch  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of spark-nano that a test may spoil."""
    return Path(shutil.copytree(safetensors_folder(), tmp_path / "model"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The same as a PyTorch checkpoint."""
    return write_pytorch(tmp_path)


def refusal(folder: Path, model_format: Any = "safetensors", **plan: Any) -> SparkError:
    with pytest.raises(SparkError) as caught:
        list(TorchDecoder().load(LoadPlan("test:model", model_format, str(folder), **plan)))
    assert caught.value.remedy
    return caught.value


def describe(folder: Path, **changes: Any) -> None:
    """Change `config.json`."""
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


class Trap:
    """Makes a directory when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self._made = made

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._made),)


def test_a_pickle_with_a_program_in_it_is_refused_and_not_run(checkpoint: Path) -> None:
    made = checkpoint / "made"
    torch.save({"weight": Trap(made)}, checkpoint / "pytorch_model.bin")
    error = refusal(checkpoint, "pytorch")
    assert isinstance(error, Unavailable)
    assert error.code == "unsafe_model_file"
    assert "mkdir" in error.message
    assert not made.exists()


@pytest.mark.parametrize(
    "content",
    [torch.nn.Linear(2, 2), [torch.ones(2)], {"a": {"b": torch.ones(2)}}, {"a": "text"}, OrderedDict()],
    ids=["module", "list", "nested", "text", "empty"],
)
def test_a_pickle_of_anything_but_named_tensors_is_refused(checkpoint: Path, content: Any) -> None:
    torch.save(content, checkpoint / "pytorch_model.bin")
    assert refusal(checkpoint, "pytorch").code == "unsafe_model_file"


def test_a_damaged_pickle_is_refused(checkpoint: Path) -> None:
    file = checkpoint / "pytorch_model.bin"
    file.write_bytes(file.read_bytes()[:5000])
    assert refusal(checkpoint, "pytorch").code == "unsafe_model_file"


def test_a_checkpoint_without_some_weights_is_refused(checkpoint: Path) -> None:
    file = checkpoint / "pytorch_model.bin"
    tensors = torch.load(file, weights_only=True)
    del tensors["model.layers.3.mlp.down_proj.weight"]
    torch.save(tensors, file)
    error = refusal(checkpoint, "pytorch")
    assert error.code == "bad_model_files"
    assert "model.layers.3.mlp.down_proj.weight" in error.message


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    error = refusal(folder)
    assert error.code == "bad_model_files"
    assert name in error.message


def test_a_damaged_safetensors_file_is_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:100_000])
    assert refusal(folder).code == "bad_model_files"


@pytest.mark.parametrize("part", ["../elsewhere.safetensors", "/etc/passwd", "", 7])
def test_an_index_that_leads_out_of_the_folder_is_refused(folder: Path, part: object) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": part}}))
    assert refusal(folder).code == "bad_model_files"


def test_remote_code_is_not_run(folder: Path) -> None:
    describe(folder, model_type="brand_new", auto_map={"AutoModelForCausalLM": "evil.Model"})
    (folder / "evil.py").write_text("raise SystemExit('remote code ran')")
    error = refusal(folder)
    assert error.code == "unsupported_architecture"
    assert "never runs" in error.message


def test_a_known_architecture_ignores_the_code_in_its_folder(folder: Path) -> None:
    describe(folder, auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"})
    (folder / "evil.py").write_text("raise SystemExit('remote code ran')")
    list(TorchDecoder().load(LoadPlan("test:model", "safetensors", str(folder))))


@pytest.mark.parametrize("kind", ["ViTConfig", "MambaConfig"])
def test_what_cannot_be_computed_is_refused(folder: Path, kind: str) -> None:
    getattr(transformers, kind)().save_pretrained(folder)
    assert refusal(folder).code == "unsupported_architecture"


def test_quantized_weights_are_refused(folder: Path) -> None:
    describe(folder, quantization_config={"quant_method": "fp8"})
    error = refusal(folder)
    assert error.code == "unsupported_architecture"
    assert "quantized" in error.message


def test_settings_that_make_no_sense_are_refused(folder: Path) -> None:
    describe(folder, hidden_size=250)
    assert refusal(folder).code == "bad_model_files"


def test_attention_that_spark_does_not_know_is_refused(tmp_path: Path) -> None:
    config = transformers.Gemma2Config(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8,
    )  # fmt: skip
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    error = refusal(tmp_path)
    assert error.code == "unsupported_architecture"
    assert "softcap" in error.message


def test_weights_larger_than_the_memory_are_refused_before_loading(folder: Path) -> None:
    describe(folder, vocab_size=2**30, num_hidden_layers=90)
    error = refusal(folder)
    assert error.code == "out_of_memory"
    assert "GB" in error.message


def test_a_context_past_a_switch_that_spark_cannot_set_is_refused(tmp_path: Path) -> None:
    rope = {"type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
    config = transformers.PhimoeConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, num_local_experts=2, max_position_embeddings=256,
        rope_parameters=rope | {
            "short_mscale": 1.1, "long_mscale": 1.3, "original_max_position_embeddings": 64,
            "rope_type": "longrope", "factor": 4.0,
        },
    )  # fmt: skip
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    error = refusal(tmp_path, context=65)
    assert isinstance(error, InvalidRequest)
    assert (error.code, error.param) == ("context_too_large", "context")
    assert "64" in error.remedy


def test_another_device_than_the_cpu_is_refused(folder: Path) -> None:
    assert refusal(folder, device="cuda").code == "device_unavailable"
