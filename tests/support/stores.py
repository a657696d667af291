"""Lays out other programs' model folders as these programs do, with files of spark-nano or of a test's own."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from spark_engine.paths import resources

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ONNX = resources() / "spark_nano" / "onnx-int4"
GGUF = resources() / "spark_nano" / "gguf-q8_0" / "spark-nano-q8_0.gguf"
SAFETENSORS = resources() / "spark_nano" / "safetensors"
_IMAGE = "application/vnd.ollama.image."


def sha256(file: Path) -> str:
    """A file's hash."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def files_of(folder: Path) -> list[Path]:
    """The files in a folder."""
    return sorted(file for file in folder.iterdir() if file.is_file())


def hugging_face(
    cache: Path, repository: str, files: Iterable[Path], *, inner: str = "", ref: str = "main"
) -> Path:
    """A repository in the cache at `cache`; returns the snapshot. `inner`: the files' folder in the repository."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    (snapshot / inner).mkdir(parents=True, exist_ok=True)
    for place in (folder / "blobs", folder / "refs"):
        place.mkdir(exist_ok=True)
    for file in files:
        blob = folder / "blobs" / _blob_name(file)
        shutil.copyfile(file, blob)
        link = snapshot / inner / file.name
        link.symlink_to(os.path.relpath(blob, link.parent))
    if ref:
        (folder / "refs" / ref).write_text(COMMIT)
    return snapshot


def _blob_name(file: Path) -> str:
    """Large files are named by their sha256, small ones as git does."""
    data = file.read_bytes()
    if len(data) > 1_000_000:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def ollama(
    models: Path, name: str, file: Path, *, tag: str = "latest", place: str = "registry.ollama.ai/library",
    manifests: str = "manifests", **texts: str,
) -> Path:  # fmt: skip
    """A model as `ollama pull` leaves it; returns the manifest. `texts`: further layers, as `license=`."""
    layers = [_layer(models, "model", file.read_bytes())]
    layers += [_layer(models, kind, text.encode()) for kind, text in texts.items()]
    config = _layer(models, "config", b'{"model_format":"gguf"}')
    manifest = models / manifests / place / name / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": config, "layers": layers}))
    return manifest


def _layer(models: Path, kind: str, data: bytes) -> dict[str, object]:
    digest = hashlib.sha256(data).hexdigest()
    blob = models / "blobs" / f"sha256-{digest}"
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(data)
    return {"mediaType": f"{_IMAGE}{kind}", "digest": f"sha256:{digest}", "size": len(data)}


def copied(files: Iterable[Path], folder: Path) -> Path:
    """Copies of these files in a new folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copyfile(file, folder / file.name)
    return folder


def jan(data: Path, id: str, file: Path, *, elsewhere: bool = False) -> Path:
    """A model of Jan's; `elsewhere`: imported, so that only `model.yml` lies in Jan's folder. Returns that folder."""
    folder = data / "llamacpp" / "models" / id
    folder.mkdir(parents=True)
    if not elsewhere:
        shutil.copyfile(file, folder / "model.gguf")
    path = str(file) if elsewhere else f"llamacpp/models/{id}/model.gguf"
    (folder / "model.yml").write_text(f"model_path: {path}\nname: {id}\nsize_bytes: 1\n")
    return folder


def foundry_local(models: Path, name: str, files: Iterable[Path]) -> Path:
    """A model of Foundry Local's; returns its folder."""
    folder = copied(files, models / "Microsoft" / name / "v1")
    (folder / "inference_model.json").write_text(json.dumps({"Name": f"{name}:1"}))
    return folder


def llama_cpp(cache: Path, repository: str, file: Path) -> Path:
    """A file that llama.cpp fetched before it used Hugging Face's cache; returns it."""
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / f"{repository.replace('/', '_')}_{file.name}"
    shutil.copyfile(file, target)
    url = f"https://huggingface.co/{repository}/resolve/main/{file.name}"
    target.with_name(f"{target.name}.json").write_text(json.dumps({"etag": "x", "url": url}))
    return target
