"""Models in folders that the user named in `models.folders`, or adopted one by one: any depth, any format."""

import os
from collections.abc import Iterable
from pathlib import Path

from spark_engine.catalog.names import is_generic
from spark_engine.catalog.origin import read_origin
from spark_engine.catalog.stores.found import FoundModel
from spark_engine.catalog.stores.places import absolute_folder
from spark_engine.catalog.stores.tree import Candidate, models_under

OWNER = "folder"


def named_folders(setting: str, home: Path) -> list[Path]:
    """The folders in the setting; `~` is the user's home. What is not absolute is left out."""
    texts = (text.strip() for text in setting.split(os.pathsep))
    places = (
        home / text[2:] if text.startswith(("~/", "~\\")) else absolute_folder(text) for text in texts if text
    )
    return list(dict.fromkeys(place for place in places if place is not None))


def found_in(places: Iterable[Path]) -> list[FoundModel]:
    """The models in these folders; a place may also be a GGUF file."""
    return [model for place in places for model in _models(place)]


def _models(place: Path) -> list[FoundModel]:
    if place.suffix.lower() == ".gguf":
        around = models_under(place.parent, depth=0)
        return [_model(model, place.parent) for model in around if model.path == place]
    return [_model(model, place) for model in models_under(place)]


def _model(model: Candidate, place: Path) -> FoundModel:
    origin = read_origin(model.path if model.path.is_dir() else model.path.parent)
    name = model.path.name if model.format != "gguf" else model.path.stem
    return FoundModel(
        owner=OWNER,
        name=model.path.parent.name if is_generic(name) else name,
        path=str(model.path),
        format=model.format,
        files=tuple(map(str, model.files)),
        roots=(str(place),),
        repository=origin.repository,
    )
