"""What the files of an embedding model say about its vectors, in the form that sentence-transformers writes."""

import json
from pathlib import Path
from typing import Any

from spark_engine.catalog.kinds import MODULES
from spark_engine.errors import Unavailable
from spark_engine.types.models import Pooling

_MOST_BYTES = 4 * 1024 * 1024
_MODES: dict[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
    "cls": "cls",
    "mean": "mean",
    "lasttoken": "last",
}
_DONE_HERE = ("Transformer", "Pooling", "Normalize")


def read_pooling(folder: Path) -> Pooling | None:
    """How the vectors of a model are made; None when its files do not say. Unavailable when they want what Spark does
    not compute."""
    for kind, path in _modules(folder):
        if kind not in _DONE_HERE:
            raise _unfit(folder, f"it has a part that Spark does not compute ({kind[:60]})")
        if kind == "Pooling":
            return _pooling(folder, read_object(_inside(folder, path) / "config.json"))
    return None


def read_object(file: Path) -> dict[str, Any]:
    """A JSON object from a file; empty when there is no such file. Unavailable when it is no object."""
    try:
        with file.open("rb") as source:
            value = json.loads(source.read(_MOST_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise _unfit(file.parent, f"{file.name} cannot be read ({error})") from error
    if not isinstance(value, dict):
        raise _unfit(file.parent, f"{file.name} is no JSON object")
    return value


def _modules(folder: Path) -> list[tuple[str, str]]:
    """Kind and folder of each part of the model, in their order."""
    try:
        with (folder / MODULES).open("rb") as source:
            listed = json.loads(source.read(_MOST_BYTES))
        return [(str(part["type"]).rpartition(".")[2], str(part["path"])) for part in listed]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise _unfit(folder, f"{MODULES} cannot be read ({error})") from error


def _pooling(folder: Path, described: dict[str, Any]) -> Pooling:
    """The one mode that is switched on."""
    named = described.get("pooling_mode")
    modes = [named] if isinstance(named, str) else [name for name, on in described.items() if on is True]
    modes = [mode for mode in modes if mode in _MODES or mode.startswith("pooling_mode_")]
    if len(modes) != 1 or modes[0] not in _MODES:
        raise _unfit(
            folder, f"its vectors are made in a way that Spark does not know ({', '.join(modes)[:100]})"
        )
    return _MODES[modes[0]]


def _inside(folder: Path, name: str) -> Path:
    """A folder in the model's own folder; a path that leads elsewhere is refused."""
    if "\0" in name or "\\" in name or Path(name).name != name:
        raise _unfit(folder, f"{MODULES} points out of the model's folder")
    return folder / name


def _unfit(folder: Path, what: str) -> Unavailable:
    return Unavailable(
        "bad_model_files",
        "The model's files cannot be used",
        f"{folder}: {what}.",
        "Download the model again, or choose another model.",
    )
