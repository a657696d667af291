"""What the model in a folder is made for, read from its files: writing text, embedding, or scoring pairs of texts."""

from pathlib import Path
from typing import Any

import msgspec

from spark_engine.types.models import ModelFormat, ModelKind

GENAI_CONFIG = "genai_config.json"
MODULES = "modules.json"
"""Lists the parts of an embedding model, as sentence-transformers writes it."""
_ENCODER_FILES = ("onnx/model.onnx", "model.onnx", "onnx/model_quantized.onnx", "model_quantized.onnx")
_WRITES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_SCORES = "ForSequenceClassification"
_READS = ("Model", "ForMaskedLM", "ForPreTraining")
_MOST_BYTES = 4 * 1024 * 1024


def model_kind(model_format: ModelFormat, path: Path) -> ModelKind:
    """What the model at `path` is made for; one that does not say is taken for one that writes."""
    if model_format in ("echo", "gguf") or (path / GENAI_CONFIG).is_file():
        return "generator"
    names = _architectures(path)
    if any(name.endswith(_SCORES) for name in names):
        return "reranker"
    if (path / MODULES).is_file():
        return "embedder"
    if any(name.endswith(_WRITES) for name in names):
        return "generator"
    return "embedder" if any(name.endswith(_READS) for name in names) else "generator"


def encoder_file(folder: Path) -> Path | None:
    """The ONNX file of a model that embeds or scores; None when there is none."""
    files = (folder / name for name in _ENCODER_FILES)
    return next((file for file in files if file.is_file()), None)


def _architectures(folder: Path) -> list[str]:
    """The names of the classes that `config.json` says the weights are of."""
    file = folder / "config.json"
    try:
        with file.open("rb") as source:
            config: Any = msgspec.json.decode(source.read(_MOST_BYTES))
    except (OSError, msgspec.MsgspecError):
        return []
    names = config.get("architectures") if isinstance(config, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
