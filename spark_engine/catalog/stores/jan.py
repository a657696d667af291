"""Models that Jan keeps: `<data folder>/llamacpp/models/<id>/`, with a `model.yml` that names the GGUF file.

The file may lie elsewhere: Jan names models that people import by an absolute path. Older versions have `models/<id>/`.
The data folder is `Jan/data` among the user's data unless the `settings.json` of the application names another.
Sources: janhq/jan `src-tauri/src/core/app/commands.rs` (`default_data_folder_path`, `get_configuration_file_path`;
identifier `jan.ai.app`), `extensions/llamacpp-extension` (`llamacpp/models`, `model.yml` with `model_path`), and
jan.ai/docs/desktop/data-folder (`~/.config/Jan/data` on Linux before).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.stores.found import Environment, FoundModel
from spark_engine.catalog.stores.places import absolute_folder, data_folder, settings_folder
from spark_engine.catalog.stores.reading import entries, read_as, read_text, target_within
from spark_engine.catalog.stores.tree import Candidate, models_under

OWNER = "jan"
_PLACES = (Path("llamacpp") / "models", Path("models"))
_MODEL_PATH = re.compile(r"^model_path:[ \t]*(\"[^\"\n]*\"|'[^'\n]*'|[^#\n]+)", re.MULTILINE)
_MOST_DEPTH = 3


class _Settings(Struct):
    data_folder: str = ""


def folders(home: Path, environment: Environment, platform: str) -> list[Path]:
    """The folders of models in every data folder that Jan may use."""
    data, settings = data_folder(home, environment, platform), settings_folder(home, environment, platform)
    files = (data / "jan.ai.app" / "settings.json", settings / "Jan" / "settings.json")
    chosen = [absolute_folder(read.data_folder) for file in files if (read := read_as(_Settings, file))]
    known = [
        *(p for p in chosen if p is not None),
        data / "Jan" / "data",
        settings / "Jan" / "data",
        home / "jan",
    ]
    return [place / inner for place in dict.fromkeys(known) for inner in _PLACES]


def found(home: Path, environment: Environment, platform: str) -> list[FoundModel]:
    """The models in all its folders, and those that were imported and lie elsewhere."""
    return [
        model
        for place in folders(home, environment, platform)
        for model in (*_in_place(place), *_imported(place, place, _MOST_DEPTH))
    ]


def _in_place(place: Path) -> Iterator[FoundModel]:
    for model in models_under(place):
        folder = model.path if model.path.is_dir() else model.path.parent
        yield _model(
            model, folder.relative_to(place).as_posix() if folder != place else model.path.stem, place
        )


def _imported(folder: Path, place: Path, depth: int) -> Iterator[FoundModel]:
    """Models whose `model.yml` names a GGUF file outside of Jan's folder."""
    for inner in entries(folder) if depth > 0 else []:
        if inner.is_symlink() or not inner.is_dir():
            continue
        match = _MODEL_PATH.search(read_text(inner / "model.yml", 65536) or "")
        named = absolute_folder(match[1].strip("\"' \r")) if match else None
        if named is not None and not named.is_relative_to(place) and named.suffix.lower() == ".gguf":
            real = target_within(named, (Path(named.anchor),))
            if real is not None:
                yield _model(
                    Candidate(real, "gguf", (real,)), inner.relative_to(place).as_posix(), real.parent
                )
        yield from _imported(inner, place, depth - 1)


def _model(model: Candidate, name: str, root: Path) -> FoundModel:
    return FoundModel(
        OWNER, name, str(model.path), model.format, tuple(map(str, model.files)), roots=(str(root),)
    )
