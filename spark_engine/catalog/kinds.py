"""What the model in a folder is made for, read from its files: writing text, embedding, or scoring pairs of texts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from spark_engine.types.models import ModelFormat, ModelKind

GENAI_CONFIG = "genai_config.json"
MODULES = "modules.json"
"""Lists the parts of an embedding model, as sentence-transformers writes it."""
ENCODER_FILES = ("onnx/model.onnx", "model.onnx", "onnx/model_quantized.onnx", "model_quantized.onnx")
"""Where the ONNX file of a model that embeds or scores lies, the best first."""
_WRITES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_SCORES = "ForSequenceClassification"
_READS = ("Model", "ForMaskedLM", "ForPreTraining")
_MOST_BYTES = 4 * 1024 * 1024


def model_kind(model_format: ModelFormat, path: Path) -> ModelKind:
    """What the model at `path` is made for; one that does not say is taken for one that writes."""
    if model_format in ("echo", "gguf"):
        return "generator"
    is_genai, has_modules = ((path / name).is_file() for name in (GENAI_CONFIG, MODULES))
    return kind_of(_architectures(path), has_modules=has_modules, is_genai=is_genai)


def kind_of(architectures: Iterable[str], *, has_modules: bool = False, is_genai: bool = False) -> ModelKind:
    """What a model is made for whose `config.json` names these classes. `has_modules`, `is_genai`: whether the files
    `MODULES` and `GENAI_CONFIG` lie beside it."""
    if is_genai:
        return "generator"
    names = tuple(architectures)
    if any(name.endswith(_SCORES) for name in names):
        return "reranker"
    if has_modules:
        return "embedder"
    if any(name.endswith(_WRITES) for name in names):
        return "generator"
    return "embedder" if any(name.endswith(_READS) for name in names) else "generator"


def encoder_file(folder: Path) -> Path | None:
    """The ONNX file of a model that embeds or scores; None when there is none."""
    files = (folder / name for name in ENCODER_FILES)
    return next((file for file in files if file.is_file()), None)


def _architectures(folder: Path) -> list[str]:
    """The names of the classes that `config.json` says the weights are of."""
    file = folder / "config.json"
    try:
        with file.open("rb") as source:
            config: Any = msgspec.json.decode(source.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return []
    names = config.get("architectures") if isinstance(config, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
