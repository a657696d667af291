"""What can become what, what that takes, and the note beside a converted model."""

import json
from pathlib import Path

import pytest

from spark_engine.catalog.convert.needs import BUILDER_BYTES, needs_of
from spark_engine.catalog.convert.origin import ConvertedFrom, read_origin, write_origin
from spark_engine.catalog.convert.source import Source, check_source, read_source
from spark_engine.catalog.convert.targets import (
    TARGETS,
    Target,
    components,
    converted_id,
    find_target,
    targets_of,
    ways,
)
from spark_engine.catalog.origin import ORIGIN
from spark_engine.catalog.origin import read_origin as read_download
from spark_engine.errors import InvalidRequest
from spark_engine.types.conversions import Agreement
from spark_engine.types.ids import parse_model_ref
from spark_engine.types.models import ModelFormat, Unloaded, VariantEntry


def target(model_format: str, quantization: str) -> Target:
    found = find_target(model_format, quantization)
    assert found is not None
    return found


def entry(path: Path, model_format: ModelFormat = "safetensors") -> VariantEntry:
    return VariantEntry(f"m:{model_format}", model_format, "", 0, Unloaded(), str(path))


def write_config(folder: Path, **config: object) -> Path:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(bytes(4_000_000))
    return folder


def test_every_target_has_an_id_of_its_own():
    ids = {converted_id("phi-4-mini:safetensors", t) for t in TARGETS}
    assert len(ids) == len(TARGETS)
    assert "phi-4-mini:gguf-q4_k_m" in ids
    assert all(parse_model_ref(id).variant for id in ids)


def test_targets_are_found_however_they_are_written():
    assert target("gguf", "q4_K_m").quantization == "Q4_K_M"
    assert find_target("onnx", "Q4_K_M") is None
    assert find_target("safetensors", "F16") is None


@pytest.mark.parametrize(
    ("source", "wanted", "expected"),
    [
        ("safetensors", ("onnx", "int4"), ("onnx_builder",)),
        ("pytorch", ("gguf", "Q8_0"), ("gguf_writer",)),
        ("safetensors", ("gguf", "Q4_K_M"), ("gguf_writer", "llama_quantizer")),
        ("gguf", ("gguf", "Q4_0"), ("llama_quantizer",)),
    ],
)
def test_who_makes_it(source: ModelFormat, wanted: tuple[str, str], expected: tuple[str, ...]):
    assert ways(source, target(*wanted)) == expected


def test_components_by_who_makes_it():
    assert components(("onnx_builder",)) == ("convert",)
    assert components(("gguf_writer",)) == ("convert", "gguf")
    assert components(("llama_quantizer",)) == ("gguf",)


def test_gguf_only_becomes_coarser_and_onnx_nothing():
    names = [t.quantization for t in targets_of("gguf", "Q5_K_M")]
    assert "Q4_K_M" in names
    assert "Q5_K_M" not in names
    assert "Q8_0" not in names
    assert "Q8_0" in [t.quantization for t in targets_of("gguf", "BF16")]
    assert targets_of("onnx") == ()


def test_the_builder_takes_eight_bytes_a_weight():
    source = Source("LlamaForCausalLM", 4_000_000_000, 8_000_000_000, 600_000_000)
    onnx = needs_of(source, target("onnx", "int4"), ("onnx_builder",))
    gguf = needs_of(source, target("gguf", "Q8_0"), ("gguf_writer",))
    assert onnx.memory_bytes >= BUILDER_BYTES * source.parameters
    assert gguf.memory_bytes < onnx.memory_bytes / 5
    assert 4_000_000_000 < gguf.disk_bytes < 5_000_000_000


def test_a_file_in_between_takes_disk_space_too():
    source = Source("LlamaForCausalLM", 4_000_000_000, 8_000_000_000, 600_000_000)
    steps = ways("safetensors", target("gguf", "Q4_K_M"))
    assert needs_of(source, target("gguf", "Q4_K_M"), steps).disk_bytes > 8_000_000_000
    from_gguf = needs_of(Source("", 0, 8_000_000_000), target("gguf", "Q4_K_M"), ("llama_quantizer",))
    assert 8_000_000_000 < from_gguf.disk_bytes < 9_000_000_000


def test_weights_are_counted_by_their_numbers_width(tmp_path: Path):
    sizes = {"vocab_size": 1000, "hidden_size": 64}
    named = write_config(tmp_path, architectures=["LlamaForCausalLM"], dtype="float32", **sizes)
    assert read_source(entry(named)) == Source("LlamaForCausalLM", 1_000_000, 4_000_000, 64_000)
    write_config(tmp_path, architectures=["LlamaForCausalLM"], torch_dtype="bfloat16")
    assert read_source(entry(tmp_path)).parameters == 2_000_000


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "does not say"),
        ({"architectures": ["LlamaForCausalLM"], "quantization_config": {"bits": 4}}, "already quantized"),
        ({"architectures": ["MambaForCausalLM"]}, "Known families"),
    ],
)
def test_models_that_never_become_gguf_are_refused(config: dict[str, object], words: str, tmp_path: Path):
    write_config(tmp_path, **config)
    variant = entry(tmp_path)
    with pytest.raises(InvalidRequest, match=words) as refused:
        check_source(variant, read_source(variant), target("gguf", "F16"))
    assert refused.value.param == "source"


def test_a_family_unknown_to_gguf_may_become_onnx(tmp_path: Path):
    write_config(tmp_path, architectures=["GraniteForCausalLM"])
    check_source(entry(tmp_path), read_source(entry(tmp_path)), target("onnx", "int4"))


@pytest.mark.parametrize("text", [b"", b"[1]", b'{"architectures": 5}', b"\xff{"])
def test_a_broken_configuration_is_no_crash(text: bytes, tmp_path: Path):
    (tmp_path / "config.json").write_bytes(text)
    assert read_source(entry(tmp_path)).architecture == ""


def test_the_note_comes_back_as_it_was_written(tmp_path: Path):
    agreement = Agreement(200, 0.99, 0.001, 8, 7)
    note = ConvertedFrom(
        "m:safetensors", "/m", "gguf", "Q8_0", "gguf 1", "2026-01-01T00:00:00Z", 3.5, agreement
    )
    write_origin(tmp_path, note)
    assert read_origin(tmp_path) == note
    assert read_download(tmp_path).repository == ""


def test_another_note_is_not_taken_for_one(tmp_path: Path):
    (tmp_path / ORIGIN).write_text('{"repository": "org/name"}', encoding="utf-8")
    assert read_origin(tmp_path) is None
    assert read_origin(tmp_path / "nowhere") is None
