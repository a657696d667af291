"""Models that Ollama keeps: a manifest per name, and the files it lists as blobs that are named by their sha256.

`manifests/<host>/<namespace>/<model>/<tag>` is JSON; newer versions write `manifests-v2`, whose files may be links into
`blobs`. The layer of type `…image.model` is the GGUF file, `blobs/sha256-<64 hex>`. Its path is made of the checked
digest alone, never of other words of the manifest. Ollama's templates are Go's and are not used: the file has its own.
Sources: ollama `envconfig/config.go` (OLLAMA_MODELS, else `~/.ollama/models`), `manifest/manifest.go`,
`manifest/paths.go`; docs/faq.md (`/usr/share/ollama/.ollama/models` where it runs as a service on Linux).
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.stores.found import Environment, FoundModel
from spark_engine.catalog.stores.ollama_details import licence, sampling
from spark_engine.catalog.stores.places import absolute_folder
from spark_engine.catalog.stores.reading import entries, read_as, real_folder, repository_name, target_within

log = logging.getLogger(__name__)
OWNER = "ollama"
_SERVICE = Path("/usr/share/ollama/.ollama/models")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_TYPE = "application/vnd.ollama.image."
_HUBS = ("hf.co", "huggingface.co")
_MOST_MODELS = 2000


class _Layer(Struct, rename="camel"):
    media_type: str = ""
    digest: str = ""


class _Manifest(Struct, rename="camel"):
    """A model's layers, or several such for different programs, each here or in a blob of its own."""

    layers: list[_Layer] = []
    manifests: list["_Manifest"] = []
    digest: str = ""


def folders(home: Path, environment: Environment, platform: str) -> list[Path]:
    """Where Ollama keeps its models; on Linux also where its service does."""
    chosen = absolute_folder(environment.get("OLLAMA_MODELS", "").strip("\"' "))
    own = chosen or home / ".ollama" / "models"
    return [own, _SERVICE] if platform == "linux" and own != _SERVICE else [own]


def found(home: Path, environment: Environment, platform: str) -> list[FoundModel]:
    """Every named model that is one GGUF file."""
    return [model for place in folders(home, environment, platform) for model in _models(place)]


def _models(place: Path) -> Iterator[FoundModel]:
    blobs = real_folder(place / "blobs")
    if blobs is None:
        return
    seen: set[tuple[str, ...]] = set()
    for root in (place / "manifests-v2", place / "manifests"):
        for parts, file in _named(root):
            if parts not in seen and len(seen) < _MOST_MODELS:
                seen.add(parts)
                model = _model(parts, file, root, blobs)
                if model is not None:
                    yield model


def _named(root: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Every manifest with its name in four parts: host, namespace, model, tag."""
    for host in entries(root):
        for space in entries(host):
            for model in entries(space):
                for file in entries(model):
                    yield (host.name, space.name, model.name, file.name), file


def _model(parts: tuple[str, ...], file: Path, root: Path, blobs: Path) -> FoundModel | None:
    real_root = real_folder(root)
    if real_root is None or target_within(file, (real_root, blobs)) is None:
        log.info("%s is left out: it is no file of Ollama's own folders", file)
        return None
    layers = _layers(file, blobs)
    kinds = [kind for kind, _ in layers]
    if kinds.count("model") != 1 or "adapter" in kinds:
        return None
    blob = dict(layers)["model"]
    host, space, model, tag = parts
    return FoundModel(
        owner=OWNER,
        name=_name(host, space, model, tag),
        path=str(blob),
        format="gguf",
        files=(str(blob),),
        roots=(str(blobs),),
        repository=repository_name(f"{space}/{model}") if host in _HUBS else "",
        licence=licence([path for kind, path in layers if kind == "license"]),
        sampling=sampling([path for kind, path in layers if kind == "params"]),
    )


def _layers(file: Path, blobs: Path) -> list[tuple[str, Path]]:
    """The kind (`model`, `params`, …) and the blob of every layer; none when one that is needed is missing."""
    manifest = read_as(_Manifest, file)
    if manifest is None:
        return []
    for inner in manifest.manifests[:16]:
        blob = _blob(inner.digest, blobs) if inner.digest and not inner.layers else None
        chosen = read_as(_Manifest, blob) if blob is not None else inner
        if chosen is not None and any(layer.media_type == f"{_TYPE}model" for layer in chosen.layers):
            manifest = chosen
            break
    layers = []
    for layer in manifest.layers:
        blob = _blob(layer.digest, blobs) if layer.media_type.startswith(_TYPE) else None
        if blob is not None:
            layers.append((layer.media_type.removeprefix(_TYPE), blob))
        elif layer.media_type == f"{_TYPE}model":
            log.info("%s is left out: it has no blob %.80r", file, layer.digest)
            return []
    return layers


def _blob(digest: str, blobs: Path) -> Path | None:
    """The file of a digest; None unless it is one and its file lies among the blobs."""
    match = _DIGEST.fullmatch(digest)
    return target_within(blobs / f"sha256-{match[1]}", (blobs,)) if match else None


def _name(host: str, space: str, model: str, tag: str) -> str:
    """As Ollama writes it: `llama3.2:3b`, `someone/model:tag`."""
    short = model if space == "library" else f"{space}/{model}"
    return short if tag == "latest" else f"{short}:{tag}"
