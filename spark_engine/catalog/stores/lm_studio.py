"""Models that LM Studio keeps, `<publisher>/<repository>/<files>`, as they are named on Hugging Face.

Its home is what `~/.lmstudio-home-pointer` says, else `~/.lmstudio`, before 0.3.6 `~/.cache/lm-studio`; its
`settings.json`, there or in the application's own folder, may name another `downloadsFolder`.
Sources: lmstudio.ai/docs `app/advanced/import-model` (the layout); lmstrix `utils/paths.py`, and the projects
that read the pointer and `downloadsFolder` (found by exact search); docs.rs/modelshelf `scan/lmstudio.rs`.
"""

from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.stores.found import Environment, FoundModel
from spark_engine.catalog.stores.places import absolute_folder, settings_folder
from spark_engine.catalog.stores.reading import read_as, read_text, repository_name
from spark_engine.catalog.stores.tree import models_under

OWNER = "lm-studio"


class _Settings(Struct, rename="camel"):
    downloads_folder: str = ""


def folders(home: Path, environment: Environment, platform: str) -> list[Path]:
    """Every folder its models may lie in."""
    pointed = absolute_folder((read_text(home / ".lmstudio-home-pointer", 4096) or "").partition("\n")[0])
    homes = [*([pointed] if pointed else []), home / ".lmstudio", home / ".cache" / "lm-studio"]
    application = settings_folder(home, environment, platform) / "LM Studio"
    settings = [read_as(_Settings, place / "settings.json") for place in (*homes, application)]
    chosen = [absolute_folder(read.downloads_folder) for read in settings if read is not None]
    return list(dict.fromkeys([p for p in chosen if p is not None] + [place / "models" for place in homes]))


def found(home: Path, environment: Environment, platform: str) -> list[FoundModel]:
    """The models in all its folders."""
    return [model for place in folders(home, environment, platform) for model in _models(place)]


def _models(place: Path) -> list[FoundModel]:
    models = []
    for model in models_under(place):
        above = model.path.relative_to(place).parts
        repository = repository_name("/".join(above[:2])) if len(above) > (model.format == "gguf") + 1 else ""
        models.append(
            FoundModel(
                owner=OWNER,
                name=repository or model.path.stem,
                path=str(model.path),
                format=model.format,
                files=tuple(map(str, model.files)),
                roots=(str(place),),
                repository=repository,
            )
        )
    return models
