"""A download's life: killed at any moment, paused, continued after a loss of power, alone at its files, on a leash."""

import asyncio
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download.job import command, discard, lock_file, unfinished, write_job
from spark_engine.catalog.download.messages import Done, Failed, Listed, Progress, parse_message
from spark_engine.catalog.origin import read_origin
from spark_engine.engine.leashed_process import run
from spark_engine.errors import Conflict
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from tests.support.downloading import (
    NO_KEYRING,
    PHI_CPU,
    WEIGHTS,
    Download,
    assert_no_half_files,
    assert_whole,
    job_of,
    parts,
    phi_job,
    run_job,
)
from tests.support.hub_mirror import PHI_ONNX, Fault, HubMirror, add_phi_onnx

posix = pytest.mark.skipif(os.name != "posix", reason="signals")
BIG_ID, BIG = (
    "big:gguf-q8_0",
    CardVariant("gguf-q8_0", "gguf", "Q8_0", repository="org/big", file="big-Q8_0.gguf"),
)
MIB = 1 << 20


@pytest.fixture
def slow() -> Iterator[HubMirror]:
    """A hub with Phi-4-mini and a file of 48 MiB, at 40 MB/s a connection."""
    with HubMirror(bytes_per_second=40e6, send_buffer=1 << 17) as mirror:
        add_phi_onnx(mirror)
        mirror.add("org/big", {"big-Q8_0.gguf": random.Random(5).randbytes(48 * MIB)})
        yield mirror


@posix
def test_a_dozen_kills_cost_no_file_and_few_bytes(base: BaseDir, slow: HubMirror):
    job = job_of(base, slow, BIG_ID, BIG)
    chance, worst = random.Random(11), 0
    for kill in range(12):
        sent, had = slow.sent["big-Q8_0.gguf"], sum(parts(job).values())
        running = Download(job)
        if kill % 4:
            running.wait_for(Progress)
        time.sleep(chance.uniform(0, 0.15))
        running.end()
        assert_no_half_files(job, slow)
        worst = max(worst, slow.sent["big-Q8_0.gguf"] - sent - (sum(parts(job).values()) - had))
    assert run_job(job)[0] == 0
    assert_whole(job, slow)
    assert worst <= 8 * MIB
    assert any(r.headers.get("range") for r in slow.requests)


@posix
def test_a_pause_ends_at_once_and_going_on_fetches_only_the_rest(base: BaseDir, slow: HubMirror):
    job = job_of(base, slow, BIG_ID, BIG)
    running = Download(job)
    while not any(isinstance(m, Progress) and m.bytes_done > 8 * MIB for m in running.messages):
        time.sleep(0.01)
    began = time.monotonic()
    assert running.end(signal.SIGTERM) == 128 + signal.SIGTERM
    assert time.monotonic() - began < 1
    kept = sum(parts(job).values())
    assert kept > 8 * MIB
    assert unfinished(base.downloads) == [job]
    slow.sent.clear()
    status, messages = run_job(job)
    assert status == 0
    assert slow.sent["big-Q8_0.gguf"] == 48 * MIB - kept
    first = next(m for m in messages if isinstance(m, Progress))
    assert first.bytes_done >= kept
    assert_whole(job, slow)
    assert unfinished(base.downloads) == []


@posix
def test_going_on_asks_for_no_list_again(base: BaseDir, slow: HubMirror):
    job = job_of(base, slow, BIG_ID, BIG)
    running = Download(job)
    running.wait_for(Listed)
    running.end()
    slow.requests.clear()
    assert run_job(job)[0] == 0
    assert not any("/api/" in r.path for r in slow.requests)


@posix
def test_after_a_loss_of_power_only_flushed_bytes_count(base: BaseDir, slow: HubMirror):
    job = job_of(base, slow, BIG_ID, BIG)
    running = Download(job)
    while sum(parts(job).values()) < 8 * MIB:
        time.sleep(0.01)
    running.end()
    note = next((Path(job.staging) / "parts").glob("*.json"))
    said = json.loads(note.read_text()) | {"boot": "an earlier one", "flushed": 3 * MIB}
    note.write_text(json.dumps(said))
    part = next((Path(job.staging) / "parts").glob("*.part"))
    with part.open("r+b") as file:
        file.seek(3 * MIB)
        file.write(b"\0" * MIB)
    slow.sent.clear()
    assert run_job(job)[0] == 0
    assert slow.sent["big-Q8_0.gguf"] == 45 * MIB
    assert_whole(job, slow)


@posix
def test_one_download_of_a_model_at_a_time(base: BaseDir, slow: HubMirror):
    job = job_of(base, slow, BIG_ID, BIG)
    running = Download(job)
    running.wait_for(Listed)
    status, messages = run_job(job)
    assert status == 1 and isinstance(messages[-1], Failed) and messages[-1].code == "download_running"
    with pytest.raises(Conflict):
        discard(Path(job.staging))
    running.end()
    discard(Path(job.staging))
    assert not Path(job.staging).exists() and not lock_file(Path(job.staging)).exists()
    assert run_job(job)[0] == 0


@posix
async def test_the_end_of_its_owner_ends_it(base: BaseDir, slow: HubMirror):
    job = job_of(base, slow, BIG_ID, BIG)
    lines: list[str] = []
    task = create_task(run(command(write_job(job)), lines.append, env=NO_KEYRING), name="download")

    while not any(isinstance(parse_message(line), Progress) for line in lines):
        await asyncio.sleep(0.01)
    await cancel_and_wait(task)
    kept = sum(parts(job).values())
    await asyncio.sleep(0.3)
    assert sum(parts(job).values()) == kept
    assert run_job(job)[0] == 0
    assert_whole(job, slow)


@posix
def test_when_nobody_listens_any_more_it_ends(base: BaseDir, slow: HubMirror):
    job_file = write_job(job_of(base, slow, BIG_ID, BIG))
    with subprocess.Popen(
        command(job_file), stdout=subprocess.PIPE, env={**os.environ, **NO_KEYRING}
    ) as process:
        assert process.stdout is not None
        assert isinstance(parse_message(process.stdout.readline().decode()), Listed)
        process.stdout.close()
        assert process.wait(5) == 1


def test_messages_come_at_a_calm_pace(base: BaseDir, slow: HubMirror):
    status, messages = run_job(job_of(base, slow, BIG_ID, BIG))
    done = messages[-1]
    assert status == 0 and isinstance(done, Done)
    steps = [m for m in messages if isinstance(m, Progress)]
    assert 3 <= len(steps) <= 5 * done.seconds + 3
    assert [m.bytes_done for m in steps] == sorted(m.bytes_done for m in steps)
    middle = steps[len(steps) // 2]
    assert 5e6 < middle.bytes_per_second < 60e6
    assert middle.seconds_left is not None and middle.seconds_left < 30


def test_what_stands_already_is_not_fetched_again(base: BaseDir, slow: HubMirror):
    job = phi_job(base, slow)
    assert run_job(job)[0] == 0
    slow.requests.clear()
    status, messages = run_job(job)
    assert status == 0 and isinstance(messages[-1], Done)
    assert not slow.requests


def test_files_of_others_are_not_touched(base: BaseDir, slow: HubMirror):
    job = phi_job(base, slow)
    target = Path(job.target)
    target.mkdir(parents=True)
    (target / "mine.onnx").write_text("mine")
    status, messages = run_job(job)
    assert status == 1 and isinstance(messages[-1], Failed) and messages[-1].code == "model_in_the_way"
    assert [f.name for f in target.iterdir()] == ["mine.onnx"]
    assert not slow.requests


def test_the_note_says_where_every_file_came_from(base: BaseDir, slow: HubMirror):
    job = phi_job(base, slow)
    assert run_job(job)[0] == 0
    origin, repository = read_origin(Path(job.target)), slow.repositories[PHI_ONNX]
    assert (origin.repository, origin.revision) == (PHI_ONNX, repository.commit)
    for path, file in origin.hashes().items():
        source = repository.files[f"{PHI_CPU}/{path}"]
        assert (file.sha256, file.size) == (source.sha256, source.size)
    assert len(origin.hashes()) == len(list(Path(job.target).iterdir())) - 1


def test_a_card_that_knows_the_hashes_takes_no_other_file(base: BaseDir, slow: HubMirror):
    job = phi_job(base, slow)
    job = replace(job, variant=replace(job.variant, sha256={"model.onnx.data": "0" * 64}))
    status, messages = run_job(job)
    assert status == 1 and isinstance(messages[-1], Failed) and messages[-1].code == "file_not_as_described"
    assert not slow.sent


def test_a_newer_commit_leaves_nothing_of_the_older(base: BaseDir, slow: HubMirror):
    job = phi_job(base, slow)
    files = slow.repositories[PHI_ONNX].files
    old = files[f"{PHI_CPU}/tokenizer.json"].content
    staging = Path(job.staging)
    slow.fault(WEIGHTS, Fault("stall", times=99, seconds=1))
    running = Download(job)
    while not (staging / "files" / "special_tokens_map.json").exists():
        time.sleep(0.005)
        assert running.process.poll() is None
    running.end()
    slow.faults.clear()
    (staging / "plan.json").unlink()
    assert isinstance(old, Path)
    add_phi_onnx(slow)
    changed = {
        p: s.content
        for p, s in slow.repositories[PHI_ONNX].files.items()
        if not p.endswith("special_tokens_map.json")
    }
    slow.add(PHI_ONNX, changed | {f"{PHI_CPU}/tokenizer.json": old.read_bytes() + b"\n"})
    assert run_job(job)[0] == 0
    assert_whole(job, slow)
    assert not (Path(job.target) / "special_tokens_map.json").exists()


def test_offline_asks_nobody(base: BaseDir, slow: HubMirror):
    status, messages = run_job(phi_job(base, slow, offline=True))
    assert status == 1 and isinstance(messages[-1], Failed) and messages[-1].code == "hub_offline"
    assert not slow.requests


def test_a_hub_that_is_not_there(base: BaseDir, slow: HubMirror, free_port: int):
    status, messages = run_job(phi_job(base, slow, endpoint=f"http://127.0.0.1:{free_port}"))
    assert status == 1 and isinstance(messages[-1], Failed) and messages[-1].code == "hub_unreachable"


def test_weights_are_fetched_beside_the_small_files(base: BaseDir, slow: HubMirror):
    run_job(phi_job(base, slow))
    asked = [r.path for r in slow.requests if "/resolve/" in r.path]
    assert any(
        path.endswith(WEIGHTS) for path in asked[:4]
    )  # connections that open together may overtake each other
    assert len(asked) == 11
