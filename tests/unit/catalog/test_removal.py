"""Removing deletes Spark's own folder of a variant and nothing else, whatever lies there."""

import os
from pathlib import Path

import pytest

from spark_engine.catalog.adopted import read_choices
from spark_engine.catalog.library import GENAI_CONFIG, read_library
from spark_engine.catalog.removal import ASIDE, finish_removals, remove_variant
from spark_engine.errors import Conflict, NotFound
from spark_engine.paths import BaseDir
from spark_engine.types.models import NotInstalled, Unloaded, VariantEntry
from tests.support.stores import COMMIT


def place(base: BaseDir, path: str, size: int = 10) -> Path:
    file = base.models / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    return file


def entry(id: str, path: Path | None, owner: str = "spark") -> VariantEntry:
    status = NotInstalled() if path is None else Unloaded()
    return VariantEntry(id, "gguf", "", 0, status, None if path is None else str(path), owner=owner)


def test_a_folder_of_sparks_own_is_deleted(base: BaseDir) -> None:
    place(base, f"own/a/{GENAI_CONFIG}", 100)
    place(base, "own/a/inner/more.bin", 11)
    place(base, f"own/b/{GENAI_CONFIG}")
    a, b = read_library(base)["own"].variants
    removal = remove_variant(base, a)
    assert (removal.id, removal.freed_bytes, removal.forgotten) == ("own:a", 111, False)
    assert [v.id for v in read_library(base)["own"].variants] == ["own:b"]
    remove_variant(base, b)
    assert list(base.models.iterdir()) == []


def test_another_programs_model_is_only_forgotten(base: BaseDir, tmp_path: Path) -> None:
    file = tmp_path / "store" / COMMIT
    file.parent.mkdir()
    file.write_bytes(b"x")
    removal = remove_variant(base, entry("m:gguf", file, "ollama"))
    assert (removal.forgotten, removal.freed_bytes, file.read_bytes()) == (True, 0, b"x")
    assert read_choices(base).hidden == (str(file),)


def test_an_owner_cannot_be_made_up(base: BaseDir, tmp_path: Path) -> None:
    """Not even an entry that calls another program's file Spark's own leads to it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "m.gguf").write_bytes(b"x")
    own = place(base, "m/v/m.gguf")
    for path in (
        outside / "m.gguf",
        outside,
        base.models,
        base.root,
        base.models / "m",
        base.models / "m" / "v" / "..",
    ):
        with pytest.raises(Conflict) as refused:
            remove_variant(base, entry("m:v", path))
        assert refused.value.code == "model_not_removable"
    assert (outside / "m.gguf").is_file() and own.is_file()


@pytest.mark.parametrize("id", ["m:..", "..:v", "m:v/../../x", "m", "../x:v", "m:"])
def test_an_id_cannot_lead_out(base: BaseDir, id: str) -> None:
    own = place(base, "m/v/m.gguf")
    with pytest.raises((ValueError, Conflict)):
        remove_variant(base, entry(id, own))
    assert own.is_file()


def test_links_are_removed_and_not_followed(base: BaseDir, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.gguf").write_bytes(b"x" * 50)
    own = place(base, "m/v/m.gguf", 7)
    (own.parent / "file.gguf").symlink_to(outside / "precious.gguf")
    (own.parent / "folder").symlink_to(outside)
    os.link(outside / "precious.gguf", own.parent / "hard.gguf")
    assert remove_variant(base, entry("m:v", own)).freed_bytes == 7
    assert [p.name for p in outside.iterdir()] == ["precious.gguf"]
    assert not (base.models / "m").exists()


def test_a_variant_that_is_a_link_loses_the_link_alone(base: BaseDir, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "m.gguf").write_bytes(b"x")
    (base.models / "m").mkdir()
    (base.models / "m" / "v").symlink_to(outside)
    assert remove_variant(base, entry("m:v", base.models / "m" / "v" / "m.gguf")).freed_bytes == 0
    assert (outside / "m.gguf").is_file() and not (base.models / "m" / "v").exists()


def test_a_model_that_is_a_link_is_left_alone(base: BaseDir, tmp_path: Path) -> None:
    (tmp_path / "outside" / "v").mkdir(parents=True)
    (tmp_path / "outside" / "v" / "m.gguf").write_bytes(b"x")
    (base.models / "m").symlink_to(tmp_path / "outside")
    (tmp_path / "outside" / "w").symlink_to(tmp_path / "outside" / "v")
    for name in ("v", "w"):
        with pytest.raises(Conflict):
            remove_variant(base, entry(f"m:{name}", base.models / "m" / name / "m.gguf"))
        assert (tmp_path / "outside" / name / "m.gguf").is_file()


def test_models_that_lie_on_another_disk_can_be_removed(base: BaseDir, tmp_path: Path) -> None:
    base.models.rmdir()
    (tmp_path / "disk").mkdir()
    base.models.symlink_to(tmp_path / "disk")
    own = place(base, "m/v/m.gguf", 7)
    assert remove_variant(base, entry("m:v", own)).freed_bytes == 7
    assert list((tmp_path / "disk").iterdir()) == []


def test_what_ships_with_spark_stays(base: BaseDir) -> None:
    nano = read_library(base)["spark-nano"].variants[0]
    with pytest.raises(Conflict, match="ships with Spark"):
        remove_variant(base, nano)
    assert nano.path is not None and Path(nano.path).exists()


@pytest.mark.parametrize("place", [None, "v", "v/m.gguf"])
def test_what_is_not_here_cannot_be_removed(base: BaseDir, place: str | None) -> None:
    with pytest.raises(NotFound):
        remove_variant(base, entry("m:v", None if place is None else base.models / "m" / place))


def test_a_folder_the_system_holds_is_left_whole(base: BaseDir, monkeypatch: pytest.MonkeyPatch) -> None:
    own = place(base, "m/v/m.gguf")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(Conflict, match="Access is denied"):
        remove_variant(base, entry("m:v", own))
    assert own.is_file()


def test_what_was_put_aside_is_deleted_later(base: BaseDir, tmp_path: Path) -> None:
    place(base, f"{ASIDE}abc/onnx/{GENAI_CONFIG}")
    kept = tmp_path / "kept"
    kept.mkdir()
    (base.models / f"{ASIDE}link").symlink_to(kept)
    assert not any(":onnx" in v.id and ASIDE in v.id for m in read_library(base).values() for v in m.variants)
    finish_removals(base)
    assert list(base.models.iterdir()) == []
    assert kept.is_dir()
