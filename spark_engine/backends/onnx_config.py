"""What the model folder says about its ONNX decoder: the file, its shape, and the names of its tensors."""

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

from spark_engine.errors import Unavailable

PHI_ORIGINAL_CONTEXT = 4096
_SWITCHING = ("longrope", "su")


class OnnxConfig(Struct, frozen=True):
    """A decoder as `genai_config.json` describes it. Tensor names of layers hold `%d` for the layer.

    `longest_context` is all the model has, `exact_context` how far it runs without switching rotary factors.
    """

    file: Path
    layers: int
    kv_heads: int
    head_size: int
    vocab_size: int
    longest_context: int
    exact_context: int
    input_ids: str
    attention_mask: str
    position_ids: str
    past_key: str
    past_value: str
    logits: str
    present_key: str
    present_value: str


def read_config(folder: Path) -> OnnxConfig:
    """The configuration in `folder`. Unavailable when it is missing, broken or points out of the folder."""
    described = _read(folder / "genai_config.json")
    try:
        if not described["search"].get("past_present_share_buffer"):
            raise _broken(folder, "the model was exported without GroupQueryAttention, which Spark needs")
        return _config(folder, described["model"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _broken(folder, f"genai_config.json lacks or garbles {error}") from error


def _config(folder: Path, model: Any) -> OnnxConfig:
    decoder = model["decoder"]
    inputs, outputs = decoder.get("inputs", {}), decoder.get("outputs", {})
    return OnnxConfig(
        file=_inside(folder, str(decoder["filename"])),
        layers=_positive(decoder, "num_hidden_layers"),
        kv_heads=_positive(decoder, "num_key_value_heads"),
        head_size=_positive(decoder, "head_size"),
        vocab_size=_positive(model, "vocab_size"),
        longest_context=_positive(model, "context_length"),
        exact_context=_exact_context(folder, model),
        input_ids=inputs.get("input_ids", "input_ids"),
        attention_mask=inputs.get("attention_mask", "attention_mask"),
        position_ids=inputs.get("position_ids", "position_ids"),
        past_key=inputs.get("past_key_names", "past_key_values.%d.key"),
        past_value=inputs.get("past_value_names", "past_key_values.%d.value"),
        logits=outputs.get("logits", "logits"),
        present_key=outputs.get("present_key_names", "present.%d.key"),
        present_value=outputs.get("present_value_names", "present.%d.value"),
    )


def context_and_switch(config: OnnxConfig, wanted: int) -> tuple[int, int | None]:
    """The context to run with, `wanted` or all the model has, and where in it rotary factors switch (None: nowhere)."""
    context = min(wanted, config.longest_context)
    return context, config.exact_context if config.exact_context < context else None


def _exact_context(folder: Path, model: dict[str, Any]) -> int:
    """Positions before a long-rope model switches its rotary factors; all positions for other models."""
    hf = _read(folder / "config.json", optional=True)
    scaling = hf.get("rope_scaling") or hf.get("rope_parameters") or {}
    kind = scaling.get("rope_type") or scaling.get("type")
    original = hf.get("original_max_position_embeddings") or scaling.get("original_max_position_embeddings")
    if kind in _SWITCHING and isinstance(original, int):
        return original
    is_unknown_phi = not hf and str(model.get("type", "")).startswith("phi")
    longest = _positive(model, "context_length")
    return min(longest, PHI_ORIGINAL_CONTEXT) if is_unknown_phi else longest


def _positive(table: dict[str, Any], key: str) -> int:
    value = table[key]
    if not isinstance(value, int) or not 0 < value < 2**24:
        raise ValueError(key)
    return value


def _inside(folder: Path, name: str) -> Path:
    """The file `name` of the folder itself; a path that leads elsewhere is refused."""
    if not name or "\0" in name or Path(name).name != name or "\\" in name:
        raise _broken(folder, "its decoder file must lie in the model's own folder")
    if not (folder / name).is_file():
        raise _broken(folder, f"{name} is missing")
    return folder / name


def _read(file: Path, *, optional: bool = False) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if optional:
            return {}
        raise _broken(file.parent, f"{file.name} is missing") from error
    except (OSError, ValueError) as error:
        raise _broken(file.parent, f"{file.name} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise _broken(file.parent, f"{file.name} is no JSON object")
    return value


def _broken(folder: Path, what: str) -> Unavailable:
    return Unavailable(
        "bad_model_files",
        "The model's files cannot be used",
        f"{folder}: {what}.",
        "Download the model again, or point Spark at the folder where genai_config.json lies.",
    )
