"""Duplicates are found end to end: the child hashes what has to be read, once, and what it said is remembered."""

from pathlib import Path

import pytest

from spark_engine.engine import leashed_process
from spark_engine.engine.duplicates import find_duplicates, hash_files
from spark_engine.paths import BaseDir
from spark_engine.types.models import ModelEntry, Unloaded, VariantEntry
from tests.support import stores
from tests.support.stores import GGUF


def entry(id: str, owner: str, path: Path) -> ModelEntry:
    variant = VariantEntry(f"{id}:gguf", "gguf", "Q8_0", 0, Unloaded(), str(path), owner=owner)
    return ModelEntry(id, id, "phi", "", "", 0, 0, (variant,))


async def test_copies_are_read_once(base: BaseDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores.ollama(tmp_path / "ollama", "m", GGUF)
    blob = tmp_path / "ollama" / "blobs" / f"sha256-{stores.sha256(GGUF)}"
    copy = stores.copied([GGUF], tmp_path / "copy") / GGUF.name
    changed = stores.copied([GGUF], tmp_path / "changed") / GGUF.name
    changed.write_bytes(GGUF.read_bytes()[:-1] + b"!")
    models = [entry("a", "ollama", blob), entry("b", "jan", copy), entry("c", "folder", changed)]
    (group,) = await find_duplicates(base, models)
    assert {Path(c.path) for c in group.copies} == {blob, copy}
    assert (group.sha256, group.reclaimable_bytes) == (stores.sha256(GGUF), GGUF.stat().st_size)
    started: list[object] = []

    async def refuse(command: object, *_: object) -> leashed_process.Ended:
        started.append(command)
        return leashed_process.Ended(0, "")

    monkeypatch.setattr(leashed_process, "run", refuse)
    assert await find_duplicates(base, models) == [group]
    assert started == []


async def test_a_file_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    copy = stores.copied([GGUF], tmp_path / "with space and ü") / GGUF.name
    hashes = await hash_files([str(tmp_path / "gone"), str(copy)])
    assert {path: known.sha256 for path, known in hashes.items()} == {str(copy): stores.sha256(GGUF)}
