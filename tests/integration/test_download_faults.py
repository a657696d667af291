"""Downloads through every kind of trouble: the real process against a real server that misbehaves on demand."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from spark_engine.catalog.download.messages import Done, Failed, Listed, Progress
from spark_engine.paths import BaseDir
from tests.support.downloading import (
    WEIGHTS,
    Download,
    assert_no_half_files,
    assert_whole,
    parts,
    phi_job,
    run_job,
)
from tests.support.hub_mirror import Fault, HubMirror, add_phi_onnx


@pytest.fixture
def hub() -> Iterator[HubMirror]:
    with HubMirror() as mirror:
        add_phi_onnx(mirror)
        yield mirror


def size_of(hub: HubMirror) -> int:
    return hub.repositories["microsoft/Phi-4-mini-instruct-onnx"].files[WEIGHTS].size


def test_an_untroubled_download_fetches_every_byte_once(base: BaseDir, hub: HubMirror):
    job = phi_job(base, hub)
    status, messages = run_job(job)
    assert status == 0
    assert_whole(job, hub)
    listed, done = messages[0], messages[-1]
    assert isinstance(listed, Listed) and isinstance(done, Done)
    assert done.path == job.target == str(base.models / "phi-4-mini" / "onnx-int4-cpu")
    assert sum(hub.sent.values()) == listed.bytes_total
    last = [m for m in messages if isinstance(m, Progress)][-1]
    assert (last.bytes_done, last.files_done) == (listed.bytes_total, listed.files_total)
    names = {f.name for f in Path(job.target).iterdir()}
    assert {"genai_config.json", "model.onnx", "model.onnx.data", "tokenizer.json"} <= names
    assert not any("gpu" in path or "README" in path for path in hub.sent)


MENDED = {
    "cut": ([Fault("cut", at=n) for n in (500_000, 1_000_000, 3_000_000)], lambda size: size),
    "cut-before-the-first-byte": ([Fault("cut", times=2)], lambda size: size),
    "stall": ([Fault("stall", at=1_000_000, seconds=3)], lambda size: size),
    "500": ([Fault("status", status=500)], lambda size: size),
    "502-503-504": ([Fault("status", status=s) for s in (502, 503, 504)], lambda size: size),
    "wrong-length": ([Fault("announce", at=100), Fault("announce", at=-100)], lambda size: None),
    "200-instead-of-206": ([Fault("cut", at=1_000_000), Fault("no_range")], lambda size: size + 1_000_000),
    "206-of-another-version": ([Fault("cut", at=1_000_000), Fault("etag", times=2)], lambda size: None),
    "wrong-bytes-once": ([Fault("wrong_bytes")], lambda size: 2 * size),
    "a-web-page-once": ([Fault("html")], lambda size: size),
    "endless-once": ([Fault("endless")], lambda size: None),
    "packed-once": ([Fault("packed")], lambda size: None),
    "no-length": ([Fault("unannounced")], lambda size: size),
    "vouched-for-another-once": ([Fault("vouch")], lambda size: None),
}


@pytest.mark.parametrize("name", MENDED)
def test_trouble_that_passes_is_overcome(name: str, base: BaseDir, hub: HubMirror):
    faults, expected = MENDED[name]
    for fault in faults:
        hub.fault(WEIGHTS, Fault(**vars(fault)))
    job = phi_job(base, hub)
    status, messages = run_job(job)
    assert status == 0, messages
    assert_whole(job, hub)
    assert all(fault.times == 0 for fault in hub.faults[WEIGHTS] if fault.kind != "etag")
    if (bytes_sent := expected(size_of(hub))) is not None:
        assert hub.sent[WEIGHTS] == bytes_sent


LASTING = {
    "cut": (WEIGHTS, Fault("cut", at=1_000_000, times=99), "hub_unreachable"),
    "stall": (WEIGHTS, Fault("stall", at=1_000_000, times=99, seconds=2), "hub_unreachable"),
    "busy": (WEIGHTS, Fault("status", status=429, times=99), "hub_busy"),
    "500": (WEIGHTS, Fault("status", status=500, times=99), "hub_refused"),
    "410": (WEIGHTS, Fault("status", status=410, times=99), "hub_refused"),
    "too-long": (WEIGHTS, Fault("announce", at=100, times=99), "download_wrong_size"),
    "too-short": (WEIGHTS, Fault("announce", at=-100, times=99), "download_wrong_size"),
    "wrong-bytes": (WEIGHTS, Fault("wrong_bytes", times=99), "download_wrong_bytes"),
    "a-web-page": (WEIGHTS, Fault("html", times=99), "hub_answer_wrong"),
    "a-web-page-for-the-list": ("@tree", Fault("html", times=99), "hub_answer_wrong"),
    "a-web-page-for-the-commit": ("@revision", Fault("html", times=99), "hub_answer_wrong"),
    "500-for-the-list": ("@tree", Fault("status", status=500, times=99), "hub_refused"),
    "gone": (WEIGHTS, Fault("status", status=404, headers={"X-Error-Code": "EntryNotFound"}), "hub_file_not_found"),
    "no-revision": (
        "@revision", Fault("status", status=404, headers={"X-Error-Code": "RevisionNotFound"}), "revision_not_found",
    ),
    "no-repository": ("@revision", Fault("status", status=404), "repository_not_found"),
    "endless": (WEIGHTS, Fault("endless", times=99), "download_wrong_size"),
    "endless-list": ("@tree", Fault("endless", times=99), "hub_answer_wrong"),
    "packed": (WEIGHTS, Fault("packed", times=99), "download_wrong_size"),
    "vouched-for-another": (WEIGHTS, Fault("vouch", times=99), "file_changed"),
    "to-the-local-network": (WEIGHTS, Fault("redirect", location="http://10.0.0.1/x"), "hub_redirect_refused"),
    "to-the-cloud's-secrets": (WEIGHTS, Fault("redirect", location="http://169.254.169.254/"), "hub_redirect_refused"),
    "to-an-open-line": (WEIGHTS, Fault("redirect", location="http://8.8.8.8/x"), "hub_redirect_refused"),
    "to-a-file": (WEIGHTS, Fault("redirect", location="file:///etc/passwd"), "hub_redirect_refused"),
    "the-list-elsewhere": ("@tree", Fault("redirect", location="http://192.168.0.1/"), "hub_redirect_refused"),
}  # fmt: skip


@pytest.mark.parametrize("name", LASTING)
def test_trouble_that_stays_is_told_and_nothing_half_is_left(name: str, base: BaseDir, hub: HubMirror):
    where, fault, code = LASTING[name]
    hub.fault(where, Fault(**vars(fault)))
    job = phi_job(base, hub)
    status, messages = run_job(job)
    failed = messages[-1]
    assert status == 1 and isinstance(failed, Failed)
    assert (failed.code, bool(failed.title), bool(failed.message)) == (code, True, True)
    assert_no_half_files(job, hub)
    hub.faults.clear()
    assert run_job(job)[0] == 0
    assert_whole(job, hub)


def test_a_ring_of_redirects_ends(base: BaseDir, hub: HubMirror):
    hub.fault(
        "@revision", Fault("redirect", times=99, location=f"{hub.url}/api/models/{'a/b'}/revision/main")
    )
    hub.add("a/b", {})
    _, messages = run_job(phi_job(base, hub))
    assert isinstance(messages[-1], Failed) and messages[-1].code == "hub_redirect_refused"
    assert len(hub.requests) < 10


def test_wrong_bytes_are_thrown_away(base: BaseDir, hub: HubMirror):
    hub.fault(WEIGHTS, Fault("wrong_bytes", times=2))
    job = phi_job(base, hub)
    assert run_job(job)[0] == 1
    assert 0 in parts(job).values()
    assert hub.sent[WEIGHTS] == 2 * size_of(hub)


def test_a_server_that_asks_for_a_pause_gets_it(base: BaseDir, hub: HubMirror):
    hub.fault(WEIGHTS, Fault("status", status=429, headers={"Retry-After": "2"}))
    began = time.monotonic()
    status, messages = run_job(phi_job(base, hub, parallel=1))
    assert status == 0
    assert time.monotonic() - began > 2
    assert any("pause" in m.trouble for m in messages if isinstance(m, Progress))


def test_a_busy_list_is_waited_for(base: BaseDir, hub: HubMirror):
    hub.fault("@tree", Fault("status", status=429, headers={"Retry-After": "1"}))
    status, messages = run_job(phi_job(base, hub))
    assert status == 0
    assert isinstance(messages[0], Progress) and messages[0].trouble


def test_a_list_in_many_pages_is_read_to_its_end(base: BaseDir):
    with HubMirror(page=3) as hub:
        add_phi_onnx(hub)
        job = phi_job(base, hub)
        assert run_job(job)[0] == 0
        assert_whole(job, hub)
        assert sum("/tree/" in r.path for r in hub.requests) > 8


@pytest.mark.parametrize(
    "path", ["../../evil", "/etc/passwd", "a\\..\\b", "a\0b", "a/../../b", "C:evil", "x" * 1025]
)
def test_a_list_with_a_name_that_leads_out_is_refused(path: str, base: BaseDir, hub: HubMirror):
    hub.extra.append({"type": "file", "path": path, "size": 1, "oid": "0" * 40})
    _, messages = run_job(phi_job(base, hub))
    assert isinstance(messages[-1], Failed) and messages[-1].code == "repository_unsafe"
    assert not hub.sent


@pytest.mark.parametrize(
    "name", ["nul.json", "Tokenizer.json", "a:b.json", "end /x.json", "model.onnx/x.json"]
)
def test_names_that_some_system_cannot_keep_apart_are_refused(name: str, base: BaseDir, hub: HubMirror):
    path = f"{WEIGHTS.rpartition('/')[0]}/{name}"
    hub.extra.append({"type": "file", "path": path, "size": 1, "oid": "0" * 40})
    job = phi_job(base, hub)
    job = replace(job, variant=replace(job.variant, files=("*", "*/*")))
    _, messages = run_job(job)
    assert isinstance(messages[-1], Failed) and messages[-1].code == "repository_unsafe"
    assert not hub.sent


def test_a_size_beyond_reason_is_refused_before_the_first_byte(base: BaseDir, hub: HubMirror):
    entry = {"type": "file", "path": f"{WEIGHTS}.data", "oid": "0" * 40}
    hub.extra.append({**entry, "size": 1 << 41, "lfs": {"oid": "0" * 64, "size": 1 << 41}})
    job = phi_job(base, hub)
    job = replace(job, variant=replace(job.variant, files=("*",)))
    _, messages = run_job(job)
    assert isinstance(messages[-1], Failed) and messages[-1].code == "disk_full"
    assert not hub.sent


def test_a_limit_of_the_disk_is_told_as_one(base: BaseDir, hub: HubMirror):
    resource = pytest.importorskip("resource")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))  # noqa: E731
    job = phi_job(base, hub)
    running = Download(job, preexec_fn=limit)
    assert running.wait() == 1
    assert isinstance(running.messages[-1], Failed) and running.messages[-1].code == "download_not_written"
    assert run_job(job)[0] == 0
    assert_whole(job, hub)
