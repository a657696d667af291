"""What lies in other programs' folders is found as they lay it out, on every platform."""

import json
import os
from pathlib import Path

import pytest

from spark_engine.catalog.stores import (
    foundry_local,
    gpt4all,
    huggingface,
    jan,
    llama_cpp,
    lm_studio,
    ollama,
)
from spark_engine.catalog.stores.found import FoundModel
from spark_engine.types.generation import SamplingOptions
from tests.support import stores
from tests.support.stores import GGUF, ONNX, SAFETENSORS, files_of

LINUX, MAC, WINDOWS = "linux", "darwin", "win32"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file that looks like a GGUF model by its name."""
    file = tmp_path / "Phi-4-mini-Q4_K_M.gguf"
    file.write_bytes(b"GGUF" + bytes(64))
    return file


def summary(models: list[FoundModel]) -> list[tuple[str, str, str]]:
    return [(m.name, m.format, m.repository) for m in models]


def test_hugging_face_models_are_found_through_their_links(tmp_path: Path) -> None:
    cache = tmp_path / ".cache" / "huggingface" / "hub"
    stores.hugging_face(cache, "spark/nano", files_of(SAFETENSORS))
    stores.hugging_face(cache, "spark/nano-onnx", files_of(ONNX), inner="cpu/int4")
    stores.hugging_face(cache, "spark/nano-GGUF", [GGUF])
    (cache / "datasets--a--b" / "snapshots").mkdir(parents=True)
    (cache / "version.txt").write_text("1")
    found = huggingface.found(tmp_path, {}, LINUX)
    assert summary(found) == [
        ("spark/nano", "safetensors", "spark/nano"),
        ("spark/nano-GGUF", "gguf", "spark/nano-GGUF"),
        ("spark/nano-onnx", "onnx", "spark/nano-onnx"),
    ]
    onnx = found[2]
    assert onnx.path.endswith(f"snapshots/{stores.COMMIT}/cpu/int4")
    assert {Path(file).name for file in onnx.files} == {file.name for file in files_of(ONNX)}
    assert onnx.roots == (str(cache),)
    assert all(model.owner == "huggingface" for model in found)


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"HF_HUB_CACHE": "{}/a", "HF_HOME": "{}/b"}, "a"),
        ({"HUGGINGFACE_HUB_CACHE": "{}/a"}, "a"),
        ({"HF_HOME": "{}/b", "XDG_CACHE_HOME": "{}/c"}, "b/hub"),
        ({"XDG_CACHE_HOME": "{}/c"}, "c/huggingface/hub"),
        ({"HF_HOME": "relative"}, ".cache/huggingface/hub"),
        ({}, ".cache/huggingface/hub"),
    ],
)
def test_hugging_faces_cache_is_where_the_environment_says(
    tmp_path: Path, environment: dict[str, str], place: str
) -> None:
    given = {name: value.format(tmp_path) for name, value in environment.items()}
    assert huggingface.folders(tmp_path, given, WINDOWS) == [tmp_path / place]


def test_hugging_face_main_comes_before_other_branches(tmp_path: Path, small: Path) -> None:
    cache = tmp_path / "hub"
    snapshot = stores.hugging_face(cache, "a/b", [small], ref="abc")
    other = snapshot.parent / ("f" * 40)
    other.mkdir()
    (other / "later.gguf").write_bytes(b"GGUF")
    refs = cache / "models--a--b" / "refs"
    found = huggingface.found(tmp_path, {"HF_HUB_CACHE": str(cache)}, LINUX)
    assert [Path(m.path).name for m in found] == [small.name]
    (refs / "main").write_text("f" * 40 + "\n")
    found = huggingface.found(tmp_path, {"HF_HUB_CACHE": str(cache)}, LINUX)
    assert [Path(m.path).name for m in found] == ["later.gguf"]


def test_a_hugging_face_snapshot_without_a_branch_and_without_links_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "models--a--b" / "snapshots" / stores.COMMIT
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(b"GGUF")
    found = huggingface.found(tmp_path, {"HF_HUB_CACHE": str(tmp_path / "hub")}, WINDOWS)
    assert [m.path for m in found] == [str(folder / "m.gguf")]


def test_ollamas_models_are_found_by_their_manifests(tmp_path: Path, small: Path) -> None:
    models = tmp_path / ".ollama" / "models"
    licence = "\n  MIT License\n\nCopyright"
    params = (
        '{"temperature": 0.2, "top_k": 40, "stop": ["<|end|>"], "num_ctx": 8192, "min_p": 7, "top_p": "x"}'
    )
    stores.ollama(models, "phi4-mini", small, license=licence, params=params, template="{{ .Prompt }}")
    stores.ollama(models, "qwen3", small, tag="4b", place="registry.ollama.ai/someone")
    stores.ollama(models, "Phi-GGUF", small, tag="Q4_K_M", place="hf.co/bartowski")
    phi, *others = sorted(ollama.found(tmp_path, {}, MAC), key=lambda m: m.name != "phi4-mini")
    digest = stores.sha256(small)
    blob = models / "blobs" / f"sha256-{digest}"
    assert (phi.name, phi.path, phi.files, phi.format) == ("phi4-mini", str(blob), (str(blob),), "gguf")
    assert (phi.licence, phi.sampling) == ("MIT License", SamplingOptions(temperature=0.2, top_k=40))
    assert phi.roots == (str(models / "blobs"),)
    assert {(m.name, m.repository) for m in others} == {
        ("someone/qwen3:4b", ""),
        ("bartowski/Phi-GGUF:Q4_K_M", "bartowski/Phi-GGUF"),
    }


def test_ollamas_newer_manifests_are_links_to_blobs_and_may_list_several(tmp_path: Path, small: Path) -> None:
    models = tmp_path / "models"
    plain = stores.ollama(models, "m", small)
    blob = models / "blobs" / f"sha256-{stores.sha256(plain)}"
    plain.rename(blob)
    listed = {"mediaType": "application/vnd.ollama.manifest.list.v2+json", "manifests": [
        {"runner": "mlx", "layers": [{"mediaType": "application/vnd.ollama.image.tensor"}]},
        {"runner": "llamacpp", "digest": f"sha256:{stores.sha256(blob)}"},
    ]}  # fmt: skip
    text = json.dumps(listed).encode()
    index = models / "blobs" / f"sha256-{stores.hashlib.sha256(text).hexdigest()}"
    index.write_bytes(text)
    named = models / "manifests-v2" / "registry.ollama.ai" / "library" / "m" / "latest"
    named.parent.mkdir(parents=True)
    named.symlink_to(os.path.relpath(index, named.parent))
    found = ollama.found(tmp_path, {"OLLAMA_MODELS": f'"{models}"'}, WINDOWS)
    assert [(m.name, Path(m.path).name) for m in found] == [("m", f"sha256-{stores.sha256(small)}")]


def test_ollamas_service_on_linux_is_looked_at_too(tmp_path: Path) -> None:
    folders = ollama.folders(tmp_path, {}, LINUX)
    assert folders == [tmp_path / ".ollama/models", Path("/usr/share/ollama/.ollama/models")]
    assert ollama.folders(tmp_path, {}, WINDOWS) == [tmp_path / ".ollama/models"]


def test_lm_studios_folders_name_repositories(tmp_path: Path, small: Path) -> None:
    models = tmp_path / ".lmstudio" / "models"
    stores.copied([small], models / "bartowski" / "Phi-GGUF")
    stores.copied(files_of(SAFETENSORS), models / "spark" / "nano")
    stores.copied([small], models)
    found = lm_studio.found(tmp_path, {}, LINUX)
    assert summary(found) == [
        (small.stem, "gguf", ""),
        ("bartowski/Phi-GGUF", "gguf", "bartowski/Phi-GGUF"),
        ("spark/nano", "safetensors", "spark/nano"),
    ]


@pytest.mark.parametrize(
    ("platform", "settings"),
    [
        (LINUX, ".config/LM Studio"),
        (MAC, "Library/Application Support/LM Studio"),
        (WINDOWS, "AppData/Roaming/LM Studio"),
        (LINUX, ".lmstudio"),
        (LINUX, "moved"),
    ],
)
def test_lm_studios_settings_may_name_another_folder(
    tmp_path: Path, small: Path, platform: str, settings: str
) -> None:
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{tmp_path / 'moved'}\n")
    stores.copied([small], tmp_path / "big disk" / "a" / "b")
    stores.copied([small], tmp_path / "moved" / "models" / "c" / "d")
    (tmp_path / settings).mkdir(parents=True, exist_ok=True)
    chosen = {"downloadsFolder": str(tmp_path / "big disk"), "other": [1]}
    (tmp_path / settings / "settings.json").write_text(json.dumps(chosen))
    found = lm_studio.found(tmp_path, {}, platform)
    assert [m.repository for m in found] == ["a/b", "c/d"]


@pytest.mark.parametrize(
    ("platform", "data"),
    [
        (LINUX, ".local/share/Jan/data"),
        (LINUX, ".config/Jan/data"),
        (MAC, "Library/Application Support/Jan/data"),
        (WINDOWS, "AppData/Roaming/Jan/data"),
        (LINUX, "jan"),
    ],
)
def test_jans_models_have_the_name_of_their_folder(
    tmp_path: Path, small: Path, platform: str, data: str
) -> None:
    folder = stores.jan(tmp_path / data, "Menlo/Jan-nano", small)
    found = jan.found(tmp_path, {}, platform)
    assert [(m.name, m.path) for m in found] == [("Menlo/Jan-nano", str(folder / "model.gguf"))]


def test_what_jan_imported_is_found_where_it_lies(tmp_path: Path, small: Path) -> None:
    data = tmp_path / "elsewhere"
    settings = tmp_path / ".local" / "share" / "jan.ai.app"
    settings.mkdir(parents=True)
    (settings / "settings.json").write_text(json.dumps({"data_folder": str(data)}))
    stores.jan(data, "mine", small, elsewhere=True)
    assert [(m.name, m.path) for m in jan.found(tmp_path, {}, LINUX)] == [("mine", str(small))]


@pytest.mark.parametrize(
    ("platform", "data"),
    [
        (LINUX, ".local/share/nomic.ai/GPT4All"),
        (MAC, "Library/Application Support/nomic.ai/GPT4All"),
        (WINDOWS, "AppData/Local/nomic.ai/GPT4All"),
        (LINUX, ".cache/gpt4all"),
    ],
)
def test_gpt4alls_files_are_found_but_not_those_it_is_fetching(
    tmp_path: Path, small: Path, platform: str, data: str
) -> None:
    folder = stores.copied([small], tmp_path / data)
    (folder / "incomplete-other.gguf").write_bytes(b"GGUF")
    (folder / "chat.chat").write_bytes(b"x")
    assert [m.path for m in gpt4all.found(tmp_path, {}, platform)] == [str(folder / small.name)]


def test_gpt4alls_settings_may_name_another_folder(tmp_path: Path, small: Path) -> None:
    folder = stores.copied([small], tmp_path / "disk" / "models")
    settings = tmp_path / ".config" / "nomic.ai"
    settings.mkdir(parents=True)
    (settings / "GPT4All.ini").write_text(f"[General]\nchatTheme=Dark\nmodelPath={folder}/\n")
    assert [m.path for m in gpt4all.found(tmp_path, {}, LINUX)] == [str(folder / small.name)]


def test_foundry_locals_models_are_found_once_complete(tmp_path: Path) -> None:
    folder = stores.foundry_local(
        tmp_path / ".foundry/cache/models", "spark-nano-generic-cpu", files_of(ONNX)
    )
    stores.foundry_local(tmp_path / ".myapp/cache/models", "other", files_of(ONNX))
    found = foundry_local.found(tmp_path, {}, WINDOWS)
    assert [(m.name, m.path) for m in found][0] == ("spark-nano-generic-cpu", str(folder))
    assert [m.name for m in found] == ["spark-nano-generic-cpu", "other"]
    (folder / "download.tmp").touch()
    assert [m.name for m in foundry_local.found(tmp_path, {}, WINDOWS)] == ["other"]


@pytest.mark.parametrize(
    ("platform", "environment", "place"),
    [
        (LINUX, {}, ".cache/llama.cpp"),
        (LINUX, {"XDG_CACHE_HOME": "{}/xdg"}, "xdg/llama.cpp"),
        (MAC, {}, "Library/Caches/llama.cpp"),
        (WINDOWS, {"LOCALAPPDATA": "{}/local"}, "local/llama.cpp"),
        (WINDOWS, {"LLAMA_CACHE": "{}/chosen"}, "chosen"),
    ],
)
def test_llama_cpps_cache_tells_the_repository(
    tmp_path: Path, small: Path, platform: str, environment: dict[str, str], place: str
) -> None:
    given = {name: value.format(tmp_path) for name, value in environment.items()}
    file = stores.llama_cpp(tmp_path / place, "bartowski/Phi-GGUF", small)
    found = llama_cpp.found(tmp_path, given, platform)
    assert [(m.path, m.repository) for m in found] == [(str(file), "bartowski/Phi-GGUF")]


def test_llama_cpps_newer_cache_is_laid_out_as_hugging_faces(tmp_path: Path, small: Path) -> None:
    stores.hugging_face(tmp_path / "chosen", "a/b", [small])
    found = llama_cpp.found(tmp_path, {"LLAMA_CACHE": str(tmp_path / "chosen")}, LINUX)
    assert [(m.owner, m.repository) for m in found] == [("llama-cpp", "a/b")]
