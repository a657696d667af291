"""Models that llama.cpp fetched with `-hf`: one folder of GGUF files, `<org>_<repository>_<file>`, each with a `.json`.

Newer versions fetch into Hugging Face's cache, and treat `LLAMA_CACHE` as one.
Sources: llama.cpp `common/common.cpp` `fs_get_cache_directory` (LLAMA_CACHE; `~/.cache/llama.cpp`, on macOS
`~/Library/Caches/llama.cpp`, on Windows `%LOCALAPPDATA%\\llama.cpp`), `common/arg.cpp` (the `.json` with `url`),
`common/hf-cache.cpp`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.stores.found import Environment, FoundModel
from spark_engine.catalog.stores.huggingface import models_in_cache
from spark_engine.catalog.stores.places import absolute_folder, cache_folder
from spark_engine.catalog.stores.reading import read_as, repository_name
from spark_engine.catalog.stores.tree import models_under

OWNER = "llama-cpp"
_URL = re.compile(r"https://[^/]+/([^/]+/[^/]+)/resolve/[^/]+/(?:.*/)?([^/?]+)")


class _Fetched(Struct):
    url: str = ""


def folders(home: Path, environment: Environment, platform: str) -> list[Path]:
    """The one folder."""
    chosen = absolute_folder(environment.get("LLAMA_CACHE", ""))
    return [chosen or cache_folder(home, environment, platform) / "llama.cpp"]


def found(home: Path, environment: Environment, platform: str) -> list[FoundModel]:
    """The GGUF files in it, and the models of newer versions."""
    return [
        model
        for place in folders(home, environment, platform)
        for model in (*_files(place), *models_in_cache(place, OWNER))
    ]


def _files(place: Path) -> Iterator[FoundModel]:
    for model in models_under(place, depth=0):
        if model.format == "gguf":
            repository, name = _origin(model.path)
            yield FoundModel(
                owner=OWNER,
                name=name,
                path=str(model.path),
                format="gguf",
                files=tuple(map(str, model.files)),
                roots=(str(place),),
                repository=repository,
            )


def _origin(file: Path) -> tuple[str, str]:
    """The repository a file was fetched from, and the name it has there; its own name when that is unknown."""
    fetched = read_as(_Fetched, file.with_name(f"{file.name}.json"))
    match = _URL.match(fetched.url) if fetched is not None else None
    repository = repository_name(match[1]) if match else ""
    return (repository, repository) if repository else ("", file.stem)
