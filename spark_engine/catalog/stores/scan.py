"""Looks through every store of this machine: which models lie in them, and which folders are worth watching."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from msgspec import Struct

from spark_engine.catalog.adopted import read_choices
from spark_engine.catalog.stores import (
    foundry_local,
    gpt4all,
    huggingface,
    jan,
    llama_cpp,
    lm_studio,
    ollama,
    own_folders,
)
from spark_engine.catalog.stores.found import Environment, FoundModel, Store
from spark_engine.paths import BaseDir, resources

STORES: tuple[Store, ...] = tuple(
    cast("Store", module)
    for module in (huggingface, ollama, lm_studio, jan, gpt4all, foundry_local, llama_cpp)
)


class Surroundings(Struct, frozen=True):
    """The machine as a scan sees it. `folders` is the setting `models.folders`, `other_apps` the one of that name."""

    home: Path
    environment: Environment
    platform: str
    folders: str = ""
    other_apps: bool = True


def surroundings(folders: str = "", other_apps: bool = True) -> Surroundings:
    """This machine and its user."""
    return Surroundings(Path.home(), dict(os.environ), sys.platform, folders, other_apps)


def find_models(base: BaseDir, around: Surroundings) -> list[FoundModel]:
    """Every model outside of Spark's own folders that the user did not hide, each once. Reads names and small files:
    milliseconds, or a second on a large disk; for a thread, not for the event loop."""
    choices = read_choices(base)
    places = [*own_folders.named_folders(around.folders, around.home), *map(Path, choices.added)]
    found = [m for store in _stores(around) for m in store.found(*_where(around))]
    return _each_once([*found, *own_folders.found_in(places)], base, frozenset(choices.hidden))


def watched_folders(base: BaseDir, around: Surroundings) -> list[Path]:
    """The folders in which models may come and go, whether they are there or not."""
    choices = read_choices(base)
    named = [*own_folders.named_folders(around.folders, around.home), *map(Path, choices.added)]
    stores = [place for store in _stores(around) for place in store.folders(*_where(around))]
    own = [base.models, base.root / "model_cards"]
    return list(dict.fromkeys([*own, *stores, *(p.parent if p.suffix == ".gguf" else p for p in named)]))


def _stores(around: Surroundings) -> tuple[Store, ...]:
    return STORES if around.other_apps else ()


def _where(around: Surroundings) -> tuple[Path, Environment, str]:
    return around.home, around.environment, around.platform


def _each_once(found: Iterable[FoundModel], base: BaseDir, hidden: frozenset[str]) -> list[FoundModel]:
    """Without what is hidden, what lies among Spark's own files, and what is the same file or folder as another."""
    own = tuple(os.path.realpath(place) for place in (base.models, base.downloads, resources()))
    kept: dict[str, FoundModel] = {}
    for model in found:
        real = os.path.realpath(model.path)
        if not any(real.startswith(os.path.join(place, "")) for place in own):
            kept.setdefault(real, model)
    return [model for model in kept.values() if model.path not in hidden]
