"""Models that Foundry Local keeps: ONNX folders under `<cache>/models/`, each with `inference_model.json`.

The command line's cache is `~/.foundry/cache/models`; a program with Foundry's kit inside has its own, `~/.<program>/
cache/models`. A folder with `download.tmp` is still being fetched.
Sources: microsoft/Foundry-Local `sdk_v2/cpp/src/catalog/local_model_scanner.cc` and `src/configuration.cc`;
issues #70 and #105 (where models may be put). A cache moved with `foundry cache cd` is not known here.
"""

from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.stores.found import Environment, FoundModel
from spark_engine.catalog.stores.reading import entries, read_as
from spark_engine.catalog.stores.tree import models_under

OWNER = "foundry-local"
_MODELS = Path("cache") / "models"
_MOST_DEPTH = 5


class _Card(Struct, rename="pascal"):
    name: str = ""


def folders(home: Path, environment: Environment, platform: str) -> list[Path]:
    """The command line's cache, and those of other programs that are there."""
    own = home / ".foundry" / _MODELS
    others = [place / _MODELS for place in entries(home) if place.name.startswith(".")]
    return [own, *(place for place in others if place != own and place.is_dir())]


def found(home: Path, environment: Environment, platform: str) -> list[FoundModel]:
    """The ONNX models that are complete."""
    return [
        FoundModel(
            owner=OWNER,
            name=_name(model.path),
            path=str(model.path),
            format=model.format,
            files=tuple(map(str, model.files)),
            roots=(str(place),),
        )
        for place in folders(home, environment, platform)
        for model in models_under(place, depth=_MOST_DEPTH)
        if model.format == "onnx"
    ]


def _name(folder: Path) -> str:
    """What the folder's card says, without its version; else the folder's name."""
    card = read_as(_Card, folder / "inference_model.json")
    return (card.name.partition(":")[0] if card is not None else "") or folder.name
