"""Models in the cache that Hugging Face's libraries share, and that newer llama.cpp downloads into too.

`models--<org>--<name>/` holds `refs/<branch>` (a commit), `snapshots/<commit>/` (the files, as links) and `blobs/`
(their contents, named by sha256 or git hash). Where links cannot be made the snapshot holds the files themselves.
Sources: huggingface.co/docs/huggingface_hub/guides/manage-cache; huggingface_hub `constants.py` (HF_HUB_CACHE,
HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME); llama.cpp `common/hf-cache.cpp`, which reads the same layout.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from spark_engine.catalog.stores.found import Environment, FoundModel
from spark_engine.catalog.stores.places import absolute_folder
from spark_engine.catalog.stores.reading import entries, read_text, real_folder, repository_name
from spark_engine.catalog.stores.tree import models_under

OWNER = "huggingface"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PREFIX = "models--"


def folders(home: Path, environment: Environment, platform: str) -> list[Path]:
    """The cache: the same place on every platform, unless the environment names another."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if place := absolute_folder(environment.get(name, "")):
            return [place]
    if place := absolute_folder(environment.get("HF_HOME", "")):
        return [place / "hub"]
    cache = absolute_folder(environment.get("XDG_CACHE_HOME", "")) or home / ".cache"
    return [cache / "huggingface" / "hub"]


def found(home: Path, environment: Environment, platform: str) -> list[FoundModel]:
    """The models of every repository's newest known commit."""
    return [m for place in folders(home, environment, platform) for m in models_in_cache(place, OWNER)]


def models_in_cache(cache: Path, owner: str) -> Iterator[FoundModel]:
    """The models in a folder that is laid out as this cache."""
    for folder in entries(cache):
        repository = repository_name(folder.name.removeprefix(_PREFIX).replace("--", "/", 1))
        snapshot = _snapshot(folder) if folder.name.startswith(_PREFIX) and repository else None
        if snapshot is None or real_folder(folder) is None:
            continue
        for model in models_under(snapshot, (folder / "blobs",)):
            yield FoundModel(
                owner=owner,
                name=repository,
                path=str(model.path),
                format=model.format,
                files=tuple(map(str, model.files)),
                roots=(str(cache),),
                repository=repository,
            )


def _snapshot(folder: Path) -> Path | None:
    """The files of `main`, else of another branch; where no branch is known, of the newest commit."""
    snapshots = folder / "snapshots"
    refs = sorted(entries(folder / "refs"), key=lambda file: file.name != "main")
    for commit in ((read_text(file, 64) or "").strip() for file in refs):
        if _COMMIT.fullmatch(commit) and real_folder(snapshots / commit) is not None:
            return snapshots / commit
    loose = [place for place in entries(snapshots) if _COMMIT.fullmatch(place.name) and place.is_dir()]
    return max(loose, key=lambda place: place.stat().st_mtime, default=None)
