"""Sound model files are read for what they are: spark-nano in every format, and what other models bring along."""

import json
import math
import os
from pathlib import Path

import pytest

from spark_engine.catalog.inspect import inspect, inspect_all
from spark_engine.paths import resources
from spark_engine.types.inspection import Inspection, Rejected
from tests.support import model_files as files
from tests.support.decoders import safetensors_folder, write_pytorch
from tests.support.model_files import CONFIG, METADATA, STRING, U32

NANO = resources() / "spark_nano"


def ok(path: Path, roots: tuple[Path, ...] = ()) -> Inspection:
    verdict = inspect(path, roots)
    assert isinstance(verdict, Inspection), verdict
    return verdict


def about_nano(found: Inspection) -> tuple[object, ...]:
    return (
        found.kind, found.architecture, found.parameters, found.context, found.layers, found.hidden,
        found.vocabulary, found.kv_bytes_per_token, found.tokenizer, found.template, found.tools, found.vision,
    )  # fmt: skip


EXPECTED = ("generator", "phi3", 5771008, 8192, 7, 256, 1024, 3584, "BPE", True, True, False)


@pytest.mark.parametrize(
    ("inner", "model_format", "quantization", "rope"),
    [
        ("gguf-q8_0", "gguf", "Q8_0", "longrope"),
        ("gguf-q8_0/spark-nano-q8_0.gguf", "gguf", "Q8_0", "longrope"),
        ("onnx-int4", "onnx", "int4", ""),
        ("onnx-int4/model.onnx", "onnx", "int4", ""),
        ("safetensors", "safetensors", "float32", "longrope"),
        ("safetensors/model.safetensors", "safetensors", "float32", "longrope"),
    ],
)
def test_spark_nano(inner: str, model_format: str, quantization: str, rope: str):
    path = NANO / inner
    if not path.exists():
        pytest.skip(f"no model at {path}")
    found = ok(path, (NANO,))
    assert about_nano(found) == EXPECTED
    assert (found.format, found.quantization, found.rope) == (model_format, quantization, rope)
    assert 0 < found.weights_bytes < found.size_bytes
    opened = Path(found.path)
    assert opened.is_file() if model_format == "gguf" else opened.is_dir()
    folder = opened.parent if opened.is_file() else opened
    assert found.size_bytes == sum((folder / name).stat().st_size for name in found.files)


@pytest.mark.component("torch")
def test_spark_nano_as_pytorch(tmp_path: Path):
    found = ok(write_pytorch(tmp_path / "nano"))
    assert about_nano(found) == EXPECTED
    assert (found.format, found.quantization) == ("pytorch", "float32")
    assert found.weights_bytes == ok(safetensors_folder()).weights_bytes


@pytest.mark.component("torch")
def test_pytorch_state_with_ties_parameters_and_half_precision(tmp_path: Path):
    import torch

    folder = files.write_beside(tmp_path)
    model = torch.nn.Linear(4, 4).half()
    state = model.state_dict()  # carries the versions of its modules
    state["tied"] = state["weight"]
    state["view"] = torch.arange(64, dtype=torch.float16).reshape(8, 8).t()[2:, 1:]
    state["parameter"] = torch.nn.Parameter(torch.zeros(3, dtype=torch.float16))
    torch.save(state, folder / "model.pt")
    found = ok(folder)
    assert (found.quantization, found.parameters) == ("float16", 16 + 4 + 42 + 3)


def test_several_shards(tmp_path: Path):
    folder = files.write_beside(tmp_path)
    for number, name in enumerate(("a", "b"), start=1):
        header = {
            name: {"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]},
            "__metadata__": {"format": "pt"},
        }
        (folder / f"model-{number}.safetensors").write_bytes(files.safetensors(header, 16))
    index = {"metadata": {}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = ok(folder)
    assert (found.parameters, found.weights_bytes, found.quantization) == (16, 32, "bfloat16")
    assert {"model-1.safetensors", "model-2.safetensors"} < set(found.files)
    assert ok(folder / "model-2.safetensors") == found


@pytest.mark.parametrize(
    ("described", "tensors", "parameters", "word"),
    [
        (
            {"quantization_config": {"quant_method": "gptq", "bits": 4}},
            {"l.qweight": ("I32", [2, 8]), "l.scales": ("F16", [1, 8]), "l.g_idx": ("I32", [16])},
            128,
            "gptq-int4",
        ),
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            {"l.weight": ("U8", [64, 1]), "l.weight.absmax": ("F32", [2]), "n.weight": ("F16", [8])},
            136,
            "bitsandbytes-int4",
        ),
        (
            {"quantization": {"bits": 4, "group_size": 64}},
            {"l.weight": ("U32", [2, 8]), "l.scales": ("F16", [2, 2]), "l.biases": ("F16", [2, 2])},
            128,
            "mlx-int4",
        ),
        ({"quantization_config": {"quant_method": "fp8"}}, {"l.weight": ("F8_E4M3", [4])}, 4, "fp8"),
    ],
)
def test_packed_weights_count_what_they_stand_for(
    tmp_path: Path,
    described: dict[str, object],
    tensors: dict[str, tuple[str, list[int]]],
    parameters: int,
    word: str,
):
    folder = files.write_beside(tmp_path, CONFIG | described)
    header, end = {}, 0
    for name, (kind, shape) in tensors.items():
        size = {"I32": 4, "U32": 4, "F16": 2, "F32": 4, "U8": 1, "F8_E4M3": 1}[kind]
        size *= math.prod(shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    (folder / "model.safetensors").write_bytes(files.safetensors(header, end))
    found = ok(folder)
    assert (found.parameters, found.quantization) == (parameters, word)


@pytest.mark.parametrize(
    ("described", "rope", "kv_bytes", "context", "vision"),
    [
        ({}, "", 256, 2048, False),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, "yarn", 256, 2048, False),
        ({"rope_parameters": {"full": {"rope_type": "linear"}}}, "linear", 256, 2048, False),
        ({"rope_parameters": {"rope_type": "default"}}, "", 256, 2048, False),
        ({"num_key_value_heads": None}, "", 512, 2048, False),
        ({"head_dim": 32}, "", 512, 2048, False),
        (
            {"kv_lora_rank": 8, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16},
            "",
            320,
            2048,
            False,
        ),
        ({"num_hidden_layers": 10**30, "max_position_embeddings": -5}, "", 0, 0, False),
        ({"text_config": CONFIG, "vision_config": {}, "num_hidden_layers": 9}, "", 256, 2048, True),
        ({"hidden_size": "64", "vocab_size": True, "rope_scaling": [1]}, "", 0, 2048, False),
    ],
)
def test_what_config_json_says(
    tmp_path: Path, described: dict[str, object], rope: str, kv_bytes: int, context: int, vision: bool
):
    folder = files.write_beside(tmp_path, CONFIG | described)
    (folder / "model.safetensors").write_bytes(files.safetensors())
    found = ok(folder)
    told = found.rope, found.kv_bytes_per_token, found.context, found.vision
    assert told == (rope, kv_bytes, context, vision)


@pytest.mark.parametrize(
    ("changed", "kind", "kv_bytes"),
    [
        ({}, "generator", 256),
        ({"llama.pooling_type": (U32, 1)}, "embedder", 256),
        ({"llama.pooling_type": (U32, 4)}, "reranker", 256),
        ({"general.architecture": (STRING, "nomic-bert")}, "embedder", 0),
        ({"llama.attention.head_count_kv": (files.ARRAY, (U32, [0, 2]))}, "generator", 128),
        ({"llama.attention.key_length": (U32, 32)}, "generator", 512),
        ({"llama.attention.value_length": (U32, 32)}, "generator", 384),
    ],
)
def test_what_gguf_metadata_says(
    tmp_path: Path, changed: dict[str, tuple[int, object]], kind: str, kv_bytes: int
):
    file = tmp_path / "blob-of-any-name"
    file.write_bytes(files.gguf(METADATA | changed))
    found = ok(file)
    assert (found.kind, found.kv_bytes_per_token, found.path) == (kind, kv_bytes, str(file))


def test_a_gguf_without_a_file_type_is_named_by_most_of_its_bytes(tmp_path: Path):
    values = {key: value for key, value in METADATA.items() if key != "general.file_type"}
    tensors = [files.tensor("a", (256, 4), 12), files.tensor("b", (8,), 0, 576)]
    (tmp_path / "a.gguf").write_bytes(files.gguf(values, tensors, 608))
    found = ok(tmp_path)
    assert (found.quantization, found.parameters, found.weights_bytes) == ("Q4_K", 1032, 608)


@pytest.mark.parametrize("padding", [0, 32])
def test_a_gguf_may_end_with_or_without_padding(tmp_path: Path, padding: int):
    (tmp_path / "a.gguf").write_bytes(files.gguf(tensors=[files.tensor("a", (1,))], data=padding or 4))
    assert ok(tmp_path).weights_bytes == 4


def test_a_split_gguf(tmp_path: Path):
    write_split(tmp_path)
    found = ok(tmp_path)
    assert found.files == tuple(f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3))
    assert (found.path, found.parameters) == (str(tmp_path / found.files[0]), 256)


def write_split(folder: Path, *, no: tuple[int, ...] = (0, 1, 2), total: int = 2) -> None:
    """Three parts, the first without tensors."""
    tensors = [[], [files.tensor("a", (64, 2))], [files.tensor("b", (64, 2))]]
    for place, (number, listed) in enumerate(zip(no, tensors, strict=True), start=1):
        split = {
            "split.no": (U32, number),
            "split.count": (U32, 3),
            "split.tensors.count": (files.I32, total),
        }
        values = split | (METADATA if place == 1 else {})
        (folder / f"big-0000{place}-of-00003.gguf").write_bytes(
            files.gguf(values, listed, 512 if listed else 0)
        )


def test_what_turns_pictures_into_input_belongs_to_the_model_beside_it(tmp_path: Path):
    (tmp_path / "model.gguf").write_bytes(files.gguf())
    assert not ok(tmp_path).vision
    (tmp_path / "mmproj-model.gguf").write_bytes(files.gguf({"general.architecture": (STRING, "clip")}))
    found = ok(tmp_path)
    assert (found.vision, found.files) == (True, ("mmproj-model.gguf", "model.gguf"))
    assert ok(tmp_path / "model.gguf") == found


def test_several_models_in_one_folder(tmp_path: Path):
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(files.gguf())
    assert [verdict.path for verdict in inspect_all(tmp_path)] == [
        str(tmp_path / "a.gguf"),
        str(tmp_path / "b.gguf"),
    ]
    refused = inspect(tmp_path)
    assert isinstance(refused, Rejected) and refused.code == "several_models"


def test_one_model_in_several_formats(tmp_path: Path):
    folder = files.write_beside(tmp_path, CONFIG | {"architectures": ["BertModel"]})
    (folder / "onnx").mkdir()
    data = {"location": "model.onnx_data", "offset": "16", "length": "32"}
    (folder / "onnx" / "model.onnx").write_bytes(files.onnx(files.onnx_tensor(external=data)))
    (folder / "onnx" / "model.onnx_data").write_bytes(bytes(48))
    (folder / "model.safetensors").write_bytes(files.safetensors())
    (folder / "pytorch_model.bin").write_bytes(files.hostile_pickle())
    verdicts = inspect_all(folder)
    assert [(type(v), v.format) for v in verdicts] == [
        (Inspection, "onnx"),
        (Inspection, "safetensors"),
        (Rejected, "pytorch"),
    ]
    found = ok(folder)
    assert (found.format, found.kind, found.parameters, found.quantization) == (
        "onnx",
        "embedder",
        8,
        "float32",
    )
    assert "onnx/model.onnx_data" in found.files
    assert ok(folder / "onnx" / "model.onnx") == found


def test_models_in_folders_below_are_found(tmp_path: Path):
    for name in ("cpu/int4", "gpu/int4"):
        files.write_genai(tmp_path / name, files.onnx(files.onnx_tensor(raw=bytes(32))))
    assert [v.path for v in inspect_all(tmp_path)] == [str(tmp_path / "cpu/int4"), str(tmp_path / "gpu/int4")]
    refused = inspect(tmp_path)
    assert isinstance(refused, Rejected) and refused.code == "several_models"


def test_an_onnx_file_by_itself(tmp_path: Path):
    (tmp_path / "any.onnx").write_bytes(files.onnx(files.onnx_tensor(kind=10, raw=bytes(16))))
    found = ok(tmp_path / "any.onnx")
    assert (found.path, found.quantization, found.parameters) == (str(tmp_path / "any.onnx"), "float16", 8)


def test_weights_that_two_tensors_share_count_once(tmp_path: Path):
    data = {"location": "data", "offset": "0", "length": "32"}
    model = files.onnx(files.onnx_tensor("a", external=data), files.onnx_tensor("b", external=data))
    folder = files.write_genai(tmp_path, model)
    (folder / "data").write_bytes(bytes(32))
    assert (ok(folder).parameters, ok(folder).weights_bytes) == (8, 32)


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_links_into_a_content_store(tmp_path: Path):
    """As the Hugging Face cache is made: every file is a link to its content."""
    repo = tmp_path / "models--org--name"
    snapshot, blobs = repo / "snapshots" / "abc", repo / "blobs"
    blobs.mkdir(parents=True)
    source = files.write_genai(
        tmp_path / "source", files.onnx(files.onnx_tensor(external={"location": "data"}))
    )
    (source / "data").write_bytes(bytes(32))
    snapshot.mkdir(parents=True)
    for file in source.iterdir():
        file.rename(blobs / file.name)
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)
    refused = inspect(snapshot)
    assert isinstance(refused, Rejected) and refused.code == "link_outside"
    assert ok(snapshot, (repo,)).parameters == 8
    assert ok(snapshot / "model.onnx", (repo,)) == ok(snapshot, (repo,))
    os.link(blobs / "data", tmp_path / "second")
    assert ok(snapshot, (repo,)).parameters == 8


def test_code_that_comes_along_is_not_needed_for_known_kinds_of_models(tmp_path: Path):
    folder = files.write_beside(
        tmp_path, CONFIG | {"auto_map": {"AutoConfig": "configuration_llama.LlamaConfig"}}
    )
    (folder / "model.safetensors").write_bytes(files.safetensors())
    assert ok(folder).architecture == "llama"
