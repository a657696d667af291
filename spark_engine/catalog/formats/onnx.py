"""ONNX models: a folder for onnxruntime-genai, one that embeds or scores, or a file by itself."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from spark_engine.catalog.formats import onnx_facts
from spark_engine.catalog.formats.described import chat_template, describe, read_tokenizer
from spark_engine.catalog.formats.facts import (
    MOST_LAYERS,
    cache_bytes,
    first_whole,
    mentions_tools,
    table,
    whole,
    word,
)
from spark_engine.catalog.formats.folder import ModelFolder
from spark_engine.catalog.formats.names import safe_name
from spark_engine.catalog.formats.onnx_external import check_external
from spark_engine.catalog.formats.onnx_model import OnnxModel, read_onnx
from spark_engine.catalog.formats.refusal import refuse, require, shown
from spark_engine.catalog.formats.safetensors import inspection
from spark_engine.catalog.formats.strange import refuse_strange
from spark_engine.catalog.kinds import ENCODER_FILES, GENAI_CONFIG
from spark_engine.types.inspection import Inspection

MOST_FILES = 16
_LIBRARY = "library"


def inspect_genai(folder: ModelFolder) -> Inspection:
    """The model of a folder with `genai_config.json`."""
    config = folder.json(GENAI_CONFIG)
    model = table(config.get("model"))
    decoder = table(model.get("decoder"))
    names = sorted({safe_name(name) for name in _file_names(config)})
    main = decoder.get("filename")
    require(
        isinstance(main, str) and main in names,
        "missing_file",
        "it does not name its ONNX file",
        GENAI_CONFIG,
    )
    require(len(names) <= MOST_FILES, "too_many_files", "it names more files than a model has", GENAI_CONFIG)
    weights = onnx_facts.summed(
        [read_file(folder, name) for name in names if name == main or name.endswith(".onnx")]
    )
    template = chat_template(folder, folder.optional_json("tokenizer_config.json"))
    return replace(
        _genai_facts(folder, model, decoder),
        weights_bytes=weights.bytes,
        parameters=weights.parameters,
        quantization=weights.quantization,
        files=folder.files,
        size_bytes=folder.size_bytes,
        template=bool(template),
        tools=mentions_tools(template),
    )


def inspect_encoder(folder: ModelFolder) -> Inspection:
    """The model of a folder with `config.json` that embeds or scores."""
    name = next((name for name in ENCODER_FILES if folder.has(name)), None)
    if name is None:
        refuse("missing_file", "there is no ONNX file")
    description = describe(folder)
    weights = onnx_facts.summed([read_file(folder, name)])
    return inspection("onnx", folder, description, weights.bytes, weights.parameters, weights.quantization)


def inspect_plain(folder: ModelFolder, name: str) -> Inspection:
    """An ONNX file of which nothing else is known."""
    weights = onnx_facts.summed([read_file(folder, name)])
    return Inspection(
        format="onnx",
        path=str(folder.path / name),
        files=folder.files,
        size_bytes=folder.size_bytes,
        weights_bytes=weights.bytes,
        parameters=weights.parameters,
        quantization=weights.quantization,
    )


def read_file(folder: ModelFolder, name: str) -> OnnxModel:
    """An ONNX file, and a check of all that it wants of other files."""
    with folder.open(name) as source:
        refuse_strange(source)
        model = read_onnx(source)
    check_external(folder, name, model)
    return model


def _file_names(config: dict[str, Any]) -> Iterator[str]:
    """The ONNX files a configuration names, however deep. Refused when it names a library to load."""
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for key, inner in value.items():
                _refuse_library(key)
                if key == "filename" and isinstance(inner, str) and inner:
                    yield inner
                waiting.append(inner)


def _refuse_library(key: str) -> None:
    require(_LIBRARY not in key.lower(), "native_code", f"it wants a library to be loaded ({shown(key, 60)})",
            GENAI_CONFIG)  # fmt: skip


def _genai_facts(folder: ModelFolder, model: dict[str, Any], decoder: dict[str, Any]) -> Inspection:
    described = folder.optional_json("config.json")
    scaling = table(described.get("rope_scaling")) or table(described.get("rope_parameters"))
    layers = whole(decoder.get("num_hidden_layers"), MOST_LAYERS)
    return Inspection(
        format="onnx",
        path=str(folder.path),
        files=(),
        size_bytes=0,
        weights_bytes=0,
        name=word(described.get("_name_or_path")).rpartition("/")[2],
        architecture=word(model.get("type")),
        context=first_whole(model, "context_length"),
        layers=layers,
        hidden=first_whole(decoder, "hidden_size", most=2**24),
        vocabulary=first_whole(model, "vocab_size"),
        kv_bytes_per_token=cache_bytes(
            layers,
            first_whole(decoder, "num_key_value_heads", "num_attention_heads", most=2**16),
            first_whole(decoder, "head_size", most=2**16),
        ),
        rope=word(scaling.get("rope_type")) or word(scaling.get("type")),
        tokenizer=read_tokenizer(folder),
        vision="vision" in model,
    )
