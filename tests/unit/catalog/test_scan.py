"""A scan finds each model once, in every store and in the user's folders; what the user hid stays hidden."""

import os
from pathlib import Path

import pytest

from spark_engine.catalog.adopted import Choices, adopt, adopt_all, forget, read_choices
from spark_engine.catalog.stores import own_folders
from spark_engine.catalog.stores.scan import STORES, Surroundings, find_models, watched_folders
from spark_engine.errors import InvalidRequest
from spark_engine.paths import BaseDir
from spark_engine.types.owners import OWNER_NAMES, SPARK
from tests.support import stores
from tests.support.stores import GGUF, ONNX, SAFETENSORS, files_of


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def around(home: Path, *folders: object, other_apps: bool = True) -> Surroundings:
    return Surroundings(home, {}, "linux", os.pathsep.join(map(str, folders)), other_apps)


def owners(base: BaseDir, surroundings: Surroundings) -> list[str]:
    return [model.owner for model in find_models(base, surroundings)]


def test_every_owner_has_a_name_for_people() -> None:
    assert {store.OWNER for store in STORES} | {own_folders.OWNER, SPARK} == OWNER_NAMES.keys()


def test_models_of_every_store_and_folder_are_found(base: BaseDir, home: Path, tmp_path: Path) -> None:
    stores.hugging_face(home / ".cache/huggingface/hub", "spark/nano", files_of(SAFETENSORS))
    stores.ollama(home / ".ollama/models", "spark-nano", GGUF)
    stores.copied([GGUF], home / ".lmstudio/models/spark/nano-GGUF")
    stores.jan(home / ".local/share/Jan/data", "spark-nano", GGUF)
    stores.copied([GGUF], home / ".cache/gpt4all")
    stores.foundry_local(home / ".foundry/cache/models", "spark-nano", files_of(ONNX))
    stores.llama_cpp(home / ".cache/llama.cpp", "spark/nano-GGUF", GGUF)
    mine = tmp_path / "my models" / "deep" / "down"
    stores.copied(files_of(ONNX), mine / "spark-nano")
    surroundings = around(home, mine.parent.parent)
    assert sorted(owners(base, surroundings)) == sorted(OWNER_NAMES.keys() - {SPARK})
    watched = watched_folders(base, surroundings)
    assert {home / ".ollama/models", mine.parent.parent, base.models, base.root / "model_cards"} <= set(
        watched
    )
    alone = around(home, mine.parent.parent, other_apps=False)
    assert owners(base, alone) == ["folder"]
    assert set(watched_folders(base, alone)) == {mine.parent.parent, base.models, base.root / "model_cards"}


def test_a_model_in_two_places_that_are_one_is_found_once(base: BaseDir, home: Path) -> None:
    folder = stores.copied([GGUF], home / ".lmstudio/models/a/b")
    own = stores.copied([GGUF], base.models / "m" / "v")
    (home / "linked").symlink_to(home / ".lmstudio")
    found = find_models(
        base, around(home, folder, home / ".lmstudio/models", home / "linked", own, base.models)
    )
    assert [(m.owner, m.path) for m in found] == [("lm-studio", str(folder / GGUF.name))]


def test_links_out_of_a_users_folder_are_not_followed(base: BaseDir, home: Path) -> None:
    outside, inside = stores.copied([GGUF], home / "outside"), home / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(outside)
    (inside / GGUF.name).symlink_to(outside / GGUF.name)
    assert find_models(base, around(home, inside)) == []


def test_what_a_folder_holds_is_told_apart(base: BaseDir, home: Path) -> None:
    folder = home / "m"
    stores.copied(files_of(SAFETENSORS), folder / "one")
    stores.copied(files_of(ONNX), folder / "two")
    (folder / "three").mkdir()
    for name in ("config.json", "pytorch_model.bin"):
        (folder / "three" / name).write_text("{}")
    for name in ("big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "mmproj-big.gguf", "small.GGUF"):
        (folder / name).write_bytes(b"GGUF")
    (folder / "pictures" / "unet").mkdir(parents=True)
    (folder / "pictures" / "model_index.json").write_text("{}")
    for name in ("config.json", "diffusion_pytorch_model.safetensors"):
        (folder / "pictures" / "unet" / name).write_text("{}")
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_model.safetensors").write_text("{}")
    found = find_models(base, around(home, folder))
    assert {(m.name, m.format, len(m.files)) for m in found} == {
        ("one", "safetensors", len(files_of(SAFETENSORS))),
        ("two", "onnx", len(files_of(ONNX))),
        ("three", "pytorch", 2),
        ("big-00001-of-00002", "gguf", 2),
        ("small", "gguf", 1),
    }


def test_a_file_named_model_has_its_folders_name(base: BaseDir, home: Path) -> None:
    folder = home / "folder" / "My-Phi"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(b"GGUF")
    assert [m.name for m in find_models(base, around(home, home / "folder"))] == ["My-Phi"]


def test_a_setting_may_use_the_home_folder(home: Path) -> None:
    named = own_folders.named_folders(f" ~/models {os.pathsep}{os.pathsep}relative{os.pathsep}{home}", home)
    assert named == [home / "models", home]


def test_a_forgotten_model_comes_back_when_it_is_adopted(base: BaseDir, home: Path) -> None:
    folder = stores.copied([GGUF], home / ".lmstudio/models/a/b")
    stores.copied([GGUF], home / ".cache/gpt4all")
    path = str(folder / GGUF.name)
    forget(base, path)
    forget(base, path)
    assert read_choices(base).hidden == (path,)
    assert owners(base, around(home)) == ["gpt4all"]
    assert (folder / GGUF.name).is_file()
    adopt(base, path)
    assert owners(base, around(home)) == ["lm-studio", "gpt4all"]
    forget(base, path)
    adopt(base, str(folder))
    assert owners(base, around(home)) == ["lm-studio", "gpt4all"]
    forget(base, path)
    adopt_all(base)
    assert read_choices(base) == Choices()


def test_a_file_or_folder_can_be_adopted_by_its_path(base: BaseDir, home: Path) -> None:
    folder = stores.copied([GGUF], home / "downloads")
    (folder / "another.gguf").write_bytes(b"GGUF")
    adopt(base, str(folder / GGUF.name))
    adopt(base, str(folder / GGUF.name))
    assert [m.path for m in find_models(base, around(home))] == [str(folder / GGUF.name)]
    assert folder in watched_folders(base, around(home))
    adopt(base, str(folder))
    assert len(find_models(base, around(home))) == 2
    forget(base, str(folder / GGUF.name))
    assert [Path(m.path).name for m in find_models(base, around(home))] == ["another.gguf"]


@pytest.mark.parametrize("path", ["", "relative", "/no/such/place", "a\0b", "/\0"])
def test_only_what_is_there_can_be_adopted(base: BaseDir, path: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        adopt(base, path)
    assert (refused.value.code, refused.value.param) == ("no_such_path", "path")
    assert read_choices(base) == Choices()


def test_choices_that_cannot_be_read_count_as_none(base: BaseDir, expect_log: object) -> None:
    assert callable(expect_log)
    expect_log("adopted.json is ignored")
    (base.state / "adopted.json").write_text('{"hidden": 5}')
    assert read_choices(base) == Choices()
