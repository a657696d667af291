"""Parts, hashes, speed and locks of downloads, each alone."""

import errno
import hashlib
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download import part as part_module
from spark_engine.catalog.download import place, transfer, writing
from spark_engine.catalog.download.fetch import disk_failed
from spark_engine.catalog.download.hashing import Follower
from spark_engine.catalog.download.job import JOB_FILE, new_job, read_job, unfinished, write_job
from spark_engine.catalog.download.lock import FileLock
from spark_engine.catalog.download.messages import Done, Failed, Listed, Progress, parse_message
from spark_engine.catalog.download.meter import Meter
from spark_engine.catalog.download.part import Note, Part, trusted_length
from spark_engine.catalog.download.plan import Plan
from spark_engine.catalog.hub.address import parse_address
from spark_engine.catalog.hub.client import Hub
from spark_engine.catalog.hub.listing import RemoteFile
from spark_engine.errors import Conflict, SparkError
from spark_engine.paths import BaseDir

BYTES = random.Random(3).randbytes(300_000)
SHA256 = hashlib.sha256(BYTES).hexdigest()
OID = hashlib.sha1(b"blob %d\0" % len(BYTES) + BYTES).hexdigest()
LARGE, SMALL = RemoteFile("a/b.onnx", len(BYTES), "0" * 40, SHA256), RemoteFile("b.json", len(BYTES), OID)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PIECE", 8192)


def add(part: Part, given: memoryview) -> None:
    """As the network does."""
    while given:
        view = part.room()[: len(given)]
        view[:] = given[: len(view)]
        part.took(len(view))
        given = given[len(view) :]


def opened(folder: Path, wanted: RemoteFile = LARGE) -> Part:
    part = Part(folder, wanted)
    part.open()
    return part


@given(steps=st.lists(st.integers(0, len(BYTES)), max_size=8))
def test_a_follower_hashes_what_was_written_however_it_grew(
    steps: list[int], tmp_path_factory: pytest.TempPathFactory
):
    file = tmp_path_factory.getbasetemp() / "followed"
    file.write_bytes(b"")
    follower = Follower(file, len(BYTES), with_oid=True)
    with file.open("ab", buffering=0) as target:
        done = 0
        for end in (*sorted(steps), len(BYTES)):
            target.write(BYTES[done:end])
            done = end
            follower.follow_to(done)
    digests = follower.finish()
    assert (digests.sha256, digests.oid) == (SHA256, OID)


def test_a_file_that_shrinks_under_the_hash_is_an_error(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"abc")
    follower = Follower(tmp_path / "f", 9, with_oid=False)
    follower.follow_to(9)
    with pytest.raises(OSError, match="shorter"):
        follower.finish()


@pytest.mark.parametrize("wanted", [LARGE, SMALL], ids=["lfs", "git"])
def test_a_part_becomes_the_file(tmp_path: Path, wanted: RemoteFile):
    part = opened(tmp_path, wanted)
    part.begin("https://hub.test/x", '"v1"')
    add(part, memoryview(BYTES)[:1000])
    add(part, memoryview(BYTES)[1000:])
    assert part.is_right()
    part.place(tmp_path / "files" / wanted.path)
    assert (tmp_path / "files" / wanted.path).read_bytes() == BYTES
    assert Part(tmp_path, wanted).checked_sha256 == SHA256


def test_a_full_piece_is_hashed_while_it_is_written_and_kept_until_it_is(
    tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch
):
    may_write, told = threading.Event(), list[int]()

    def full(view: memoryview, place: int, free: Callable[[], None]) -> None:
        told.append(place)
        free()

    monkeypatch.setattr(writing.Writer, "_write", lambda self, view: may_write.wait(20))
    with (tmp_path / "f").open("wb") as file:
        writer = writing.Writer(file.fileno(), 0, len(BYTES), full=full, written=lambda end: None)
        for _ in range(writing.PIECES):
            writer.took(len(writer.room()))
        assert told == [8192 * piece for piece in range(writing.PIECES)]
        roomy = threading.Thread(target=writer.room)
        roomy.start()
        roomy.join(0.2)
        assert roomy.is_alive()
        may_write.set()
        roomy.join(20)
        assert not roomy.is_alive()
        writer.stop()


def test_on_a_slow_line_whole_pages_are_written_before_a_piece_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(writing, "HELD_S", -1.0)
    part = opened(tmp_path)
    part.begin("https://hub.test/x", '"v1"')
    for start in range(0, 100_000, 1000):
        add(part, memoryview(BYTES)[start : start + 1000])
    part._writer.stop()
    assert part.file.read_bytes() == BYTES[: 100_000 // writing.PAGE * writing.PAGE]
    second = opened(tmp_path)
    add(second, memoryview(BYTES)[second.length :])
    assert second.is_right()


@pytest.mark.parametrize("rest", [0, 7], ids=["whole pages", "an odd length"])
def test_a_part_goes_on_where_it_was(tmp_path: Path, small_pieces: None, rest: int):
    first = opened(tmp_path)
    first.begin("https://hub.test/x", '"v1"')
    add(first, memoryview(BYTES)[:100_000])
    first._writer.stop()
    kept = 100_000 // 8192 * 8192
    assert first.file.stat().st_size == kept
    with first.file.open("ab") as file:
        file.write(BYTES[kept : kept + rest])
    second = opened(tmp_path)
    assert (second.length, second.etag) == (kept, '"v1"')
    add(second, memoryview(BYTES)[kept:])
    assert second.is_right()
    assert second.file.read_bytes() == BYTES


def test_where_the_cache_cannot_be_passed_by_it_is_used(
    tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch
):
    """Some file systems let the flag be set and refuse the write."""
    refused, write = [], os.write

    def picky(handle: int, data: bytes) -> int:
        if not refused:
            refused.append(handle)
            raise OSError(errno.EINVAL, "not here")
        return write(handle, data)

    monkeypatch.setattr(writing.os, "write", picky)
    part = opened(tmp_path)
    was_direct = part._writer._direct
    add(part, memoryview(BYTES))
    assert part.is_right() == was_direct
    assert len(refused) == 1


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_takes_no_more_is_told_to_whoever_fetches(
    tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch, trouble: int
):
    part = opened(tmp_path)
    add(part, memoryview(BYTES)[:50_000])

    def full(handle: int, data: bytes) -> int:
        raise OSError(trouble, "no")

    monkeypatch.setattr(writing.os, "write", full)
    with pytest.raises(OSError, match="no") as error:
        add(part, memoryview(BYTES)[50_000:])
    assert error.value.errno == trouble


def test_bytes_of_another_file_are_not_gone_on_with(tmp_path: Path):
    add(opened(tmp_path), memoryview(BYTES)[:1000])
    changed = RemoteFile(LARGE.path, LARGE.size, "0" * 40, "1" * 64)
    assert opened(tmp_path, changed).length == 0


def test_wrong_bytes_are_found_and_forgotten(tmp_path: Path):
    part = opened(tmp_path)
    add(part, memoryview(bytes(len(BYTES))))
    assert not part.is_right()
    part.restart()
    assert part.length == part.file.stat().st_size == 0
    add(part, memoryview(BYTES))
    assert part.is_right()


def test_flushed_bytes_are_noted(tmp_path: Path, small_pieces: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(part_module, "FLUSH_BYTES", 1000)
    part = opened(tmp_path)
    add(part, memoryview(BYTES)[:200_000])
    part._writer.stop()
    part._join_flush()
    monkeypatch.setattr(part_module, "boot_id", lambda: "the next")
    assert opened(tmp_path).length >= 8192


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 100), st.booleans())
def test_what_is_trusted(found: int, flushed: int, size: int, same_boot: bool):
    note = Note("p", size, "h", flushed=flushed, boot="now" if same_boot else "before")
    trusted = trusted_length(note, found, "now")
    assert 0 <= trusted <= min(found, size)
    assert trusted == (0 if found > size else found if same_boot else min(found, flushed))


def test_the_meter_tells_speed_and_rest():
    meter = Meter()
    assert (meter.bytes_per_second, meter.seconds_left(5)) == (0.0, None)
    for tick in range(100):
        meter.see(tick * 0.2, tick * 200)
    assert meter.bytes_per_second == pytest.approx(1000)
    assert meter.seconds_left(5000) == pytest.approx(5)
    for tick in range(100, 140):
        meter.see(tick * 0.2, 99 * 200)
    assert meter.bytes_per_second == 0
    assert meter.seconds_left(5000) is None


def test_a_lock_is_one_processes(tmp_path: Path):
    file = tmp_path / "deep" / "x.lock"
    with FileLock(file):
        with pytest.raises(Conflict), FileLock(file):
            pass
    with FileLock(file):
        pass
    assert not file.exists()


@pytest.mark.parametrize(
    "message",
    [Listed("c" * 40, 5, 2), Progress(1, 0, 2.5, 3.0, "waits"), Failed("c", "t", "m", "r"), Done("/p", 1.5)],
)
def test_messages_survive_a_line(message: object):
    assert parse_message(msgspec.json.encode(message).decode()) == message


@pytest.mark.parametrize("line", ["", "Traceback", "{}", '{"type":"other"}', "[]", "null", "\ud800"])
def test_other_lines_are_no_messages(line: str):
    assert parse_message(line) is None


def test_a_job_survives_its_file(base: BaseDir):
    variant = CardVariant("onnx", "onnx", "int4", repository="org/name", folder="cpu", sha256={"a": "0" * 64})
    job = new_job(base, "name:onnx", variant, endpoint="https://hub.test", offline=True, parallel=3)
    assert read_job(write_job(job)) == job
    assert unfinished(base.downloads) == [job]
    (base.downloads / "broken").mkdir()
    (base.downloads / "broken" / JOB_FILE).write_text("{")
    assert unfinished(base.downloads) == [job]
    with pytest.raises(ValueError, match="variant"):
        new_job(base, "name", variant, endpoint="", offline=False, parallel=1)


def test_too_little_room_is_told_before_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    variant = CardVariant("onnx", "onnx", "int4", repository="org/name")
    plan = Plan(variant, "", "c" * 40, {"m.onnx": RemoteFile("m.onnx", 1 << 40, "", "0" * 64)})
    monkeypatch.setattr(
        transfer.shutil, "disk_usage", lambda path: type("Usage", (), {"free": (1 << 40) + 1000})
    )
    with pytest.raises(SparkError) as error:
        transfer.Transfer(Hub(parse_address("http://127.0.0.1:9")), plan, tmp_path, 4).run(lambda p: None)
    assert error.value.code == "disk_full"
    assert "1099.51 GB" in error.value.message


def test_a_full_disk_in_words():
    assert disk_failed(OSError(errno.ENOSPC, "no space")).code == "disk_full"
    assert disk_failed(OSError(errno.EROFS, "read-only")).code == "download_not_written"


def test_a_library_on_another_disk_gets_its_model_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    staging, target = tmp_path / "staging", tmp_path / "models" / "m" / "v"
    (staging / "files" / "sub").mkdir(parents=True)
    (staging / "files" / "sub" / "a.onnx").write_bytes(BYTES)
    (staging / "files" / "old.json").write_bytes(b"of an earlier plan")
    rename = Path.rename

    def other_disk(self: Path, to: Path) -> Path:
        if self.is_relative_to(staging):
            raise OSError(errno.EXDEV, "other disk")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", other_disk)
    variant = CardVariant("v", "onnx", "int4", repository="org/name")
    plan = Plan(variant, "", "c" * 40, {"sub/a.onnx": RemoteFile("sub/a.onnx", len(BYTES), "", SHA256)})
    place.put_in_place(staging, target, plan, {"sub/a.onnx": SHA256})
    assert (target / "sub" / "a.onnx").read_bytes() == BYTES
    assert not (target / "old.json").exists() and not staging.exists()
    assert [f.name for f in target.parent.iterdir()] == ["v"]
    assert place.stands_already(target, ("org/name", "")) and place.stands_already(
        target, ("org/name", "c" * 40)
    )
    with pytest.raises(Conflict):
        place.stands_already(target, ("org/other", ""))
    (target / "sub" / "a.onnx").write_bytes(b"cut")
    with pytest.raises(Conflict):
        place.stands_already(target, ("org/name", ""))
