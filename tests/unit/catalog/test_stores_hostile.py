"""Hostile or broken folders of other programs yield nothing: no exception, no file from elsewhere, no long wait."""

import json
import os
import sys
from pathlib import Path

import pytest

from spark_engine.catalog.stores import foundry_local, huggingface, jan, llama_cpp, lm_studio, ollama
from spark_engine.catalog.stores.reading import MOST_BYTES, repository_name
from spark_engine.catalog.stores.scan import STORES, Surroundings, find_models, watched_folders
from spark_engine.catalog.stores.tree import models_under
from spark_engine.paths import BaseDir
from tests.support import stores

SECRET = b"GGUF of somebody else"
DIGEST = "sha256:" + "a" * 64
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "private" / "secret.gguf"
    file.parent.mkdir()
    file.write_bytes(SECRET)
    return file


def manifest(models: Path, content: bytes) -> Path:
    file = models / "manifests" / "registry.ollama.ai" / "library" / "m" / "latest"
    file.parent.mkdir(parents=True, exist_ok=True)
    (models / "blobs").mkdir(exist_ok=True)
    file.write_bytes(content)
    return file


def layered(*digests: object, kind: object = "application/vnd.ollama.image.model") -> bytes:
    return json.dumps({"layers": [{"mediaType": kind, "digest": digest} for digest in digests]}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"layers": 5}',
        b'{"layers": [5]}',
        b'{"layers": [{"mediaType": 5, "digest": 6}]}',
        b'{"manifests": [{"manifests": [{}]}]}',
        b'{"manifests": [{"digest": "sha256:../../x"}]}',
        layered("sha256:../../../private/secret.gguf"),
        layered("../../private/secret.gguf"),
        layered("sha256:" + "../" * 21 + "a"),
        layered("sha256:" + "A" * 64),
        layered("sha256-" + "a" * 64),
        layered(DIGEST + "\n"),
        layered(DIGEST + "\0"),
        layered(DIGEST),
        layered("sha256:" + "a" * 63 + "٣"),
        b'{"layers": [' + b'{"mediaType": "x"},' * 100_000 + b"{}]}",
    ],
)
def test_a_hostile_manifest_yields_nothing(tmp_path: Path, secret: Path, content: bytes) -> None:
    models = tmp_path / "models"
    manifest(models, content)
    assert ollama.found(tmp_path, {"OLLAMA_MODELS": str(models)}, "darwin") == []


def test_only_a_hash_names_a_blob_and_only_a_file_is_one(tmp_path: Path) -> None:
    models = tmp_path / "models"
    manifest(models, layered("sha256:other"))
    (models / "blobs" / "sha256-other").write_bytes(b"GGUF")
    assert ollama.found(tmp_path, {"OLLAMA_MODELS": str(models)}, "darwin") == []
    manifest(models, layered(DIGEST))
    (models / "blobs" / DIGEST.replace(":", "-")).mkdir()
    assert ollama.found(tmp_path, {"OLLAMA_MODELS": str(models)}, "darwin") == []


def test_a_manifest_with_two_models_or_an_adapter_is_no_plain_model(tmp_path: Path, secret: Path) -> None:
    models = tmp_path / "models"
    file = stores.ollama(models, "m", secret)
    text = json.loads(file.read_text())
    again = {**text["layers"][0]}
    file.write_text(json.dumps({"layers": [text["layers"][0], again]}))
    assert ollama.found(tmp_path, {"OLLAMA_MODELS": str(models)}, "darwin") == []
    again["mediaType"] = "application/vnd.ollama.image.adapter"
    file.write_text(json.dumps({"layers": [text["layers"][0], again]}))
    assert ollama.found(tmp_path, {"OLLAMA_MODELS": str(models)}, "darwin") == []


@posix
def test_a_blob_or_manifest_that_is_a_link_elsewhere_is_left_out(tmp_path: Path, secret: Path) -> None:
    models = tmp_path / "models"
    file = stores.ollama(models, "m", secret)
    blob = models / "blobs" / f"sha256-{stores.sha256(secret)}"
    environment = {"OLLAMA_MODELS": str(models)}
    assert len(ollama.found(tmp_path, environment, "darwin")) == 1
    blob.unlink()
    blob.symlink_to(secret)
    assert ollama.found(tmp_path, environment, "darwin") == []
    blob.unlink()
    blob.write_bytes(SECRET)
    outside = tmp_path / "manifest.json"
    file.rename(outside)
    file.symlink_to(outside)
    assert ollama.found(tmp_path, environment, "darwin") == []


@posix
def test_pipes_in_place_of_files_do_not_block(tmp_path: Path) -> None:
    models = tmp_path / "models"
    file = manifest(models, b"{}")
    file.unlink()
    os.mkfifo(file)
    os.mkfifo(tmp_path / ".lmstudio-home-pointer")
    data = tmp_path / ".lmstudio" / "models" / "a" / "b"
    data.mkdir(parents=True)
    os.mkfifo(data / "m.gguf")
    assert ollama.found(tmp_path, {"OLLAMA_MODELS": str(models)}, "darwin") == []
    assert lm_studio.found(tmp_path, {}, "linux") == []


@posix
def test_a_snapshot_shows_no_files_from_outside_its_repository(tmp_path: Path, secret: Path) -> None:
    snapshot = stores.hugging_face(tmp_path, "a/b", [secret])
    link = snapshot / secret.name
    environment = {"HF_HUB_CACHE": str(tmp_path)}
    assert len(huggingface.found(tmp_path, environment, "linux")) == 1
    link.unlink()
    link.symlink_to(secret)
    (snapshot / "loop.gguf").symlink_to(snapshot / "loop.gguf")
    (snapshot / "gone.gguf").symlink_to(snapshot / "nothing")
    (snapshot / "folder").symlink_to(secret.parent)
    assert huggingface.found(tmp_path, environment, "linux") == []


@pytest.mark.parametrize("ref", ["../../private", "..", "", "x" * 40, "0" * 41, "/etc"])
def test_a_branch_that_is_no_commit_is_not_followed(tmp_path: Path, ref: str) -> None:
    folder = tmp_path / "models--a--b"
    (folder / "refs").mkdir(parents=True)
    (folder / "snapshots").mkdir()
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "m.gguf").write_bytes(SECRET)
    (folder / "refs" / "main").write_text(ref)
    assert huggingface.found(tmp_path, {"HF_HUB_CACHE": str(tmp_path)}, "linux") == []


@pytest.mark.parametrize(
    "name", ["../x", "a/..", "a", "a/b/c", "/a/b", "a/b\n", "", "a b/c", "-a/b", "a/.b", "a/b..c", "ä/b"]
)
def test_a_repository_has_a_plain_name(name: str) -> None:
    assert repository_name(name) == ""
    assert repository_name("Qwen/Qwen2.5-0.5B_x") != ""


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../private/secret.gguf",
        "relative.gguf",
        "/dev/zero.gguf",
        "'",
        '"',
        "a\0b",
        "|",
        "/",
    ],
)
def test_jans_description_leads_to_no_other_file(tmp_path: Path, secret: Path, path: str) -> None:
    folder = tmp_path / "jan" / "llamacpp" / "models" / "m"
    folder.mkdir(parents=True)
    (folder / "model.yml").write_text(f"model_path: {path}\n")
    assert jan.found(tmp_path, {}, "linux") == []


@pytest.mark.parametrize(
    "text", ["{", "[]", "5", '{"downloadsFolder": 5}', '{"downloadsFolder": "x\\u0000"}', "{}"]
)
def test_settings_that_make_no_sense_are_left_out(tmp_path: Path, text: str) -> None:
    for place in (".lmstudio", ".local/share/jan.ai.app"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "settings.json").write_text(text)
    assert (lm_studio.found(tmp_path, {}, "linux"), jan.found(tmp_path, {}, "linux")) == ([], [])


def test_cards_and_notes_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    folder = stores.foundry_local(tmp_path / ".foundry/cache/models", "m", stores.files_of(stores.ONNX))
    (folder / "inference_model.json").write_text('{"Name": "x", "y": "' + "y" * MOST_BYTES + '"}')
    assert [m.name for m in foundry_local.found(tmp_path, {}, "linux")] == ["v1"]
    file = stores.llama_cpp(tmp_path / ".cache/llama.cpp", "a/b", stores.GGUF)
    file.with_name(f"{file.name}.json").write_text('{"url": "https://huggingface.co/../../etc/resolve/x/y"}')
    assert [m.repository for m in llama_cpp.found(tmp_path, {}, "linux")] == [""]


def test_a_folder_with_too_many_files_is_searched_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, expect_log: object
) -> None:
    monkeypatch.setattr("spark_engine.catalog.stores.tree.MOST_ENTRIES", 20)
    assert callable(expect_log)
    expect_log("holds more than 20 files")
    for number in range(30):
        (tmp_path / f"{number:02}.gguf").write_bytes(b"GGUF")
    assert len(list(models_under(tmp_path))) <= 20


def test_deep_folders_end_somewhere(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 30)
    stores.copied([stores.GGUF], deep)
    assert list(models_under(tmp_path)) == []
    assert len(list(models_under(tmp_path, depth=30))) == 1


def test_nothing_anywhere_is_nothing_found(base: BaseDir, tmp_path: Path) -> None:
    around = Surroundings(tmp_path / "nobody", {}, "linux", folders="relative:/no/such:\0")
    assert find_models(base, around) == []
    assert watched_folders(base, around)
    for store in STORES:
        for platform in ("linux", "darwin", "win32"):
            assert store.found(tmp_path / "nobody", {"HF_HOME": "\0", "OLLAMA_MODELS": "~"}, platform) == []
