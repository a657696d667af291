"""Equal files are found with as little reading as possible; hard links and links count once."""

import json
import os
from pathlib import Path

import pytest

from spark_engine.catalog.duplicates import (
    LEAST_BYTES,
    duplicate_groups,
    hashes_of,
    reclaimable_bytes,
    stored_files,
    to_hash,
)
from spark_engine.catalog.hashes import Hashes, Known, fingerprint, read_hashes, remember
from spark_engine.catalog.hashing import Hashed, NotHashed, hash_file
from spark_engine.paths import BaseDir
from spark_engine.types.models import ModelEntry, NotInstalled, Unloaded, VariantEntry
from tests.support import stores
from tests.support.stores import GGUF

SIZE = LEAST_BYTES + 1


def file(path: Path, fill: bytes = b"a", size: int = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(fill * size)
    return path


def models(*placed: tuple[str, Path]) -> list[ModelEntry]:
    """A model for each owner and path."""
    return [
        ModelEntry(
            f"m{n}",
            "",
            "",
            "",
            "",
            0,
            0,
            (VariantEntry(f"m{n}:v", "gguf", "", 0, Unloaded(), str(p), owner=o),),
        )
        for n, (o, p) in enumerate(placed)
    ]


def all_hashes(found: list[ModelEntry], remembered: Hashes | None = None) -> tuple[dict[str, str], list[str]]:
    """Every hash, and the files that had to be read for it."""
    files = stored_files(found)
    known = hashes_of(files, remembered or Hashes())
    read = to_hash(files, known)
    hashed = [message for path in read if isinstance(message := hash_file(path), Hashed)]
    return known | {message.path: message.sha256 for message in hashed}, read


def test_equal_files_of_several_programs_are_a_group(tmp_path: Path) -> None:
    one, two, other = file(tmp_path / "a.gguf"), file(tmp_path / "b.gguf"), file(tmp_path / "c.gguf", b"b")
    found = models(("jan", one), ("gpt4all", two), ("folder", other))
    hashes, _ = all_hashes(found)
    (group,) = duplicate_groups(stored_files(found), hashes)
    assert (group.sha256, group.size_bytes, group.reclaimable_bytes) == (stores.sha256(one), SIZE, SIZE)
    assert [(c.path, c.owner, c.variant, c.linked) for c in group.copies] == [
        (str(one), "jan", "m0:v", False),
        (str(two), "gpt4all", "m1:v", False),
    ]
    assert group.owners == ("jan", "gpt4all")
    assert reclaimable_bytes([group]) == SIZE


def test_a_file_of_a_size_of_its_own_is_not_read(tmp_path: Path) -> None:
    found = models(*(("jan", file(tmp_path / str(n), size=SIZE + n)) for n in range(4)))
    assert all_hashes(found) == ({}, [])


def test_hard_links_take_no_room_twice(tmp_path: Path) -> None:
    one = file(tmp_path / "a.gguf")
    two, three = tmp_path / "b.gguf", file(tmp_path / "c.gguf")
    os.link(one, two)
    linked = models(("lm-studio", one), ("folder", two))
    hashes, read = all_hashes(linked)
    assert (read, duplicate_groups(stored_files(linked), hashes)) == ([], [])
    found = models(("lm-studio", one), ("folder", two), ("jan", three))
    hashes, read = all_hashes(found)
    assert len(read) == 2
    (group,) = duplicate_groups(stored_files(found), hashes)
    assert (group.reclaimable_bytes, [c.linked for c in group.copies]) == (SIZE, [False, True, False])


def test_blobs_have_their_hash_as_their_name(tmp_path: Path) -> None:
    cache, store = tmp_path / "hub", tmp_path / "ollama"
    snapshot = stores.hugging_face(cache, "a/b", [GGUF])
    stores.ollama(store, "m", GGUF)
    blob = store / "blobs" / f"sha256-{stores.sha256(GGUF)}"
    found = models(("huggingface", snapshot / GGUF.name), ("ollama", blob))
    hashes, read = all_hashes(found)
    assert read == []
    (group,) = duplicate_groups(stored_files(found), hashes)
    assert (group.sha256, group.reclaimable_bytes) == (stores.sha256(GGUF), GGUF.stat().st_size)


def test_a_name_that_looks_like_a_hash_is_only_believed_of_a_blob(tmp_path: Path) -> None:
    named = [file(tmp_path / place / ("f" * 64)) for place in ("a", "b")]
    assert len(all_hashes(models(*(("jan", path) for path in named)))[1]) == 2


def test_a_downloads_note_has_the_hashes(base: BaseDir, tmp_path: Path) -> None:
    one, two = file(base.models / "m" / "v" / "x.gguf"), file(tmp_path / "y.gguf")
    digest = stores.sha256(one)
    note = {"repository": "a/b", "files": [{"path": "x.gguf", "sha256": digest, "size": SIZE}]}
    (one.parent / ".spark-origin.json").write_text(json.dumps(note))
    found = models(("spark", one), ("jan", two))
    assert all_hashes(found) == ({str(one): digest, str(two): digest}, [str(two)])
    note["files"] = {"x.gguf": {"sha256": digest, "size": 5}}
    (one.parent / ".spark-origin.json").write_text(json.dumps(note))
    assert len(all_hashes(found)[1]) == 2


def test_a_folders_files_and_a_files_further_parts_are_seen(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for path in ("model.onnx", "inner/model.data", ".git/object", "small.json"):
        file(folder / path, size=10 if path == "small.json" else SIZE)
    parts = [file(tmp_path / f"big-0000{n}-of-00002.gguf") for n in (1, 2)]
    files = stored_files(models(("jan", folder), ("jan", parts[0])))
    assert {Path(f.path).name for f in files} == {"model.onnx", "model.data", *(p.name for p in parts)}


def test_what_is_not_here_has_no_files(tmp_path: Path) -> None:
    gone = models(("jan", tmp_path / "gone.gguf"), ("jan", tmp_path / "gone-00001-of-00002.gguf"))
    absent = ModelEntry("m", "", "", "", "", 0, 0, (VariantEntry("m:v", "gguf", "", 0, NotInstalled()),))
    assert stored_files([*gone, absent]) == []


def test_hashes_are_remembered_until_the_file_changes(base: BaseDir, tmp_path: Path) -> None:
    path = file(tmp_path / "a.gguf")
    message = hash_file(str(path))
    assert isinstance(message, Hashed)
    remember(base, {message.path: Known(message.stamp, message.sha256)})
    remembered = read_hashes(base)
    found = models(("jan", path), ("folder", file(tmp_path / "b.gguf")))
    assert all_hashes(found, remembered)[1] == [str(tmp_path / "b.gguf")]
    os.utime(path, ns=(1, 1))
    assert len(all_hashes(found, remembered)[1]) == 2
    path.unlink()
    assert remember(base, {}) == Hashes()


def test_what_was_remembered_wrongly_counts_as_nothing(base: BaseDir, expect_log: object) -> None:
    assert callable(expect_log)
    expect_log("hashes.json is ignored")
    base.cache.mkdir()
    (base.cache / "hashes.json").write_text("[1")
    assert read_hashes(base) == Hashes()


def test_a_file_is_hashed_in_pieces(tmp_path: Path) -> None:
    path = file(tmp_path / "a", size=9_000_001)
    assert hash_file(str(path)) == Hashed(str(path), fingerprint(path.stat()), stores.sha256(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_what_is_no_file_is_not_hashed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "gone", tmp_path, Path("\0")):
        assert isinstance(hash_file(str(path)), NotHashed)
