"""Builds a transformers model from checked files: 32-bit on the CPU, without remote code, without guessed weights."""

from pathlib import Path
from typing import Any

import psutil
import torch
import transformers
from safetensors import SafetensorError, safe_open
from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

from spark_engine.backends.torch_attention import NAME
from spark_engine.backends.torch_errors import (
    bad_files,
    memory_guard,
    out_of_memory,
    unsupported,
)
from spark_engine.backends.torch_files import Checkpoint, read_tensors
from spark_engine.errors import ContextTooLarge

NUMBER_BYTES = 4
_LAYERS = frozenset(("full_attention", "sliding_attention"))
_SETTINGS: dict[str, Any] = {
    "local_files_only": True,
    "weights_only": True,
    "dtype": torch.float32,
    "output_loading_info": True,
}


class Architecture:
    """What a checkpoint's configuration says; made by reading it. Unavailable when Spark cannot run it.

    `attention` is transformers' name for the one to compute with (None: its own choice); weights whose names begin with
    `spare` may be missing.
    """

    attention: str | None = NAME
    spare: str | None = None

    def __init__(self, checkpoint: Checkpoint) -> None:
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self._checkpoint = checkpoint
        self._config = _config(checkpoint)
        self._text = self._config.get_text_config(decoder=True)
        self._class = self._choose(checkpoint.folder, self._config)

    def usable_context(self, wanted: int) -> int:
        """`wanted`, or all the model has. ContextTooLarge when it would cross a switch of some layers' factors."""
        longest = int(getattr(self._text, "max_position_embeddings", None) or wanted)
        exact = min([longest, *_switches_of_parts(self._text)])
        if wanted > exact and longest > exact:
            raise ContextTooLarge(wanted, exact)
        return min(wanted, longest)

    def switch(self) -> int | None:
        """The longest sequence before the model switches its rotary factors; None when it never does."""
        return _switch(getattr(self._text, "rope_parameters", None) or {})

    def check_memory(self) -> None:
        """Refuse weights that cannot fit, before the whole system suffers from trying."""
        with torch.device("meta"):
            weights = sum(weight.numel() for weight in self._class(self._config).parameters())
        needed, free = NUMBER_BYTES * weights, psutil.virtual_memory().available
        if needed > free:
            raise out_of_memory(self._checkpoint.folder, needed, free)

    def load(self) -> Any:
        """The model with its weights; Unavailable when a weight is missing or does not fit."""
        folder = self._checkpoint.folder
        with memory_guard(folder):
            model, report = self._class.from_pretrained(
                **self._source(), **_SETTINGS, attn_implementation=self.attention, config=self._config
            )
        missing = [
            name for name in report["missing_keys"] if not self.spare or not name.startswith(self.spare)
        ]
        lacking = sorted(map(str, [*missing, *report["mismatched_keys"]]))
        if lacking or report["error_msgs"]:
            raise bad_files(folder, f"{len(lacking)} weights are missing or do not fit: {lacking[:3]}")
        return model.eval()

    def _choose(self, folder: Path, config: Any) -> Any:
        """The class that computes next tokens."""
        return _model_class(folder, config, self._text)

    def _source(self) -> dict[str, Any]:
        checkpoint = self._checkpoint
        if checkpoint.format == "pytorch":
            return {"pretrained_model_name_or_path": None, "state_dict": read_tensors(checkpoint)}
        for file in checkpoint.files:
            _check_header(file)
        return {"pretrained_model_name_or_path": str(checkpoint.folder), "use_safetensors": True}


def _config(checkpoint: Checkpoint) -> Any:
    """The configuration, of a kind that transformers itself knows."""
    kind, folder = str(checkpoint.described.get("model_type", "")), checkpoint.folder
    if kind not in CONFIG_MAPPING:
        brings = "It brings program code of its own, which Spark never runs"
        newer = "It may be newer than this version of Spark"
        hint = brings if "auto_map" in checkpoint.described else newer
        raise unsupported(folder, f"models of type {kind[:60]!r} are not known here. {hint}")
    if checkpoint.described.get("quantization_config"):
        raise unsupported(folder, "its weights are quantized, which needs libraries that Spark does not have")
    try:
        return AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # every architecture checks its own settings in its own way
        raise bad_files(folder, f"config.json cannot be used: {str(error)[:300]}") from error


def _model_class(folder: Path, config: Any, text: Any) -> Any:
    """The class that computes next tokens, when all its layers are ones that Spark's attention can serve."""
    found = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    if found is None:
        raise unsupported(folder, f"models of type {config.model_type} do not write text token by token")
    chosen = found[0] if isinstance(found, (list, tuple)) else found
    odd = sorted(set(getattr(text, "layer_types", None) or ()) - _LAYERS)
    if odd or not chosen.is_backend_compatible():
        named = f" ({', '.join(odd)})" if odd else ""
        raise unsupported(folder, f"{chosen.__name__} computes in a way that Spark cannot batch{named}")
    return chosen


def _switches_of_parts(text: Any) -> list[int]:
    """Positions where some kinds of layers switch their rotary factors."""
    given = getattr(text, "rope_parameters", None) or {}
    switches = [_switch(part) for part in given.values() if isinstance(part, dict)]
    return [switch for switch in switches if switch is not None]


def _switch(rope: dict[str, Any]) -> int | None:
    return int(rope["original_max_position_embeddings"]) if rope.get("rope_type") == "longrope" else None


def _check_header(file: Path) -> None:
    try:
        with safe_open(str(file), framework="pt") as opened:
            opened.keys()
    except (SafetensorError, OSError) as error:
        raise bad_files(file.parent, f"{file.name}: {error}") from error
