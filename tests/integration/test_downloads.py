"""Models fetched by a real engine from a local hub: one command to an answer, pausing, going on, dropping, restarts."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from spark_engine.types.downloads import DownloadEntry, DownloadFailed, Fetched, Fetching, Paused
from spark_engine.types.models import NotInstalled, Ready, Unloaded
from tests.support.hub_mirror import PHI_ONNX, Fault, HubMirror, add_phi_onnx
from tests.support.served import Served, children, serve, wait_until

PHI = "phi-4-mini:onnx-int4-cpu"
NANO_GGUF = "org/tiny-GGUF"
SLOW = 400_000
"""Bytes per second of a connection: slow enough to be caught in the middle."""


@pytest.fixture
def hub() -> Iterator[HubMirror]:
    with HubMirror() as hub:
        add_phi_onnx(hub)
        yield hub


@pytest.fixture
def slow_hub() -> Iterator[HubMirror]:
    with HubMirror(bytes_per_second=SLOW) as hub:
        add_phi_onnx(hub)
        yield hub


def engine(hub: HubMirror, root: Path, **settings: str) -> "Iterator[Served]":
    return serve(root, hub_endpoint=hub.url, models_preload="false", models_other_apps="false", **settings)  # type: ignore[return-value]


def pull(served: Served, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spark_engine", "models", "pull", *arguments]
    return subprocess.run(
        [*command, "--base-dir", str(served.base.root)], capture_output=True, text=True, timeout=60
    )


def download(served: Served, id: str = PHI) -> DownloadEntry:
    return served.state().downloads[id]


def begin(served: Served, model: str, **fields: object) -> httpx.Response:
    return httpx.post(
        f"{served.address}/spark/v1/downloads",
        json={"model": model, **fields},
        headers=served.owner,
        timeout=60,
    )


def wait_download(served: Served, kind: type, id: str = PHI, timeout_s: float = 30) -> DownloadEntry:
    wait_until(
        lambda: isinstance(download(served, id).status, kind),
        timeout_s,
        kind.__name__,
        lambda: str(download(served, id)),
    )
    return download(served, id)


def wait_for_bytes(served: Served, least: int) -> DownloadEntry:
    wait_until(lambda: download(served).bytes_done >= least, 30, "some bytes", lambda: str(download(served)))
    return download(served)


def test_one_command_downloads_loads_and_answers(hub: HubMirror, tmp_path: Path) -> None:
    with engine(hub, tmp_path) as served:
        assert isinstance(served.status(PHI), NotInstalled)
        pulled = pull(served, "phi-4-mini")
        assert pulled.returncode == 0, pulled.stderr
        assert pulled.stdout.startswith(f"● {PHI} is here and loaded")
        assert isinstance(served.status(PHI), Ready)
        answer = served.ask("What is Spark?", "phi-4-mini", max_tokens=8)
        assert answer["model"] == PHI
        assert served.ask("What is Spark?", max_tokens=8)["model"] == PHI
        assert not list(served.base.downloads.iterdir())
        again = pull(served, "phi-4-mini")
        assert again.returncode == 1
        assert "is on this machine" in again.stderr


def test_a_repository_of_the_hub_without_a_card(hub: HubMirror, tmp_path: Path) -> None:
    nano = Path("resources/spark_nano/gguf-q8_0")
    file = next(nano.glob("*.gguf"))
    hub.add(NANO_GGUF, {"tiny-Q8_0.gguf": file, "README.md": b"# tiny\n"})
    with engine(hub, tmp_path) as served:
        pulled = pull(served, NANO_GGUF, "--no-load", "--json")
        assert pulled.returncode == 0, pulled.stderr
        entry = json.loads(pulled.stdout)
        assert (entry["id"], entry["source"], entry["status"]["type"]) == (
            "tiny:gguf-q8_0",
            NANO_GGUF,
            "fetched",
        )
        assert isinstance(served.status("tiny:gguf-q8_0"), Unloaded)


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("nobody", 404, "model_not_found"),
        ("phi-4-mini:unheard-of", 404, "model_not_found"),
        ("org/nobody", 404, "repository_not_found"),
        ("../../etc/passwd", 404, "model_not_found"),
        ("spark-nano", 409, "model_not_published"),
    ],
)
def test_what_cannot_be_had_is_refused_at_once(
    hub: HubMirror, tmp_path: Path, model: str, status: int, code: str
) -> None:
    with engine(hub, tmp_path) as served:
        reply = begin(served, model)
        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code), reply.text
        assert not served.state().downloads


def test_offline_nothing_is_asked(hub: HubMirror, tmp_path: Path) -> None:
    with engine(hub, tmp_path, hub_offline="true") as served:
        assert begin(served, PHI_ONNX).status_code == 503
        begin(served, "phi-4-mini")
        failed = wait_download(served, DownloadFailed)
        assert isinstance(failed.status, DownloadFailed)
        assert failed.status.code == "hub_offline"
    assert not hub.requests


def test_paused_and_gone_on_with(slow_hub: HubMirror, tmp_path: Path) -> None:
    with engine(slow_hub, tmp_path) as served:
        assert begin(served, "phi-4-mini").json() == {"id": PHI}
        wait_for_bytes(served, 500_000)
        assert isinstance(download(served).status, Fetching)
        assert served.control(f"downloads/{PHI}/pause").status_code == 202
        paused = wait_download(served, Paused)
        assert not children(served.process.pid)
        assert served.control(f"downloads/{PHI}/pause").status_code == 409
        time.sleep(0.3)
        assert download(served) == paused
        slow_hub.bytes_per_second = 0
        assert served.control(f"downloads/{PHI}/resume").status_code == 202
        done = wait_download(served, Fetched)
        assert done.bytes_done == done.bytes_total
        assert isinstance(served.status(PHI), Unloaded)
    assert _fetched_twice(slow_hub, done) <= 1024**2


def test_a_dropped_download_leaves_nothing(slow_hub: HubMirror, tmp_path: Path) -> None:
    with engine(slow_hub, tmp_path) as served:
        begin(served, "phi-4-mini")
        wait_for_bytes(served, 300_000)
        assert served.control(f"downloads/{PHI}/cancel").status_code == 202
        assert PHI not in served.state().downloads
        assert not [p for p in served.base.downloads.rglob("*") if p.stat().st_size]
        assert not list(served.base.models.iterdir())
        assert served.control(f"downloads/{PHI}/cancel").status_code == 404


def test_an_engine_that_ends_takes_its_downloads_up_again(slow_hub: HubMirror, tmp_path: Path) -> None:
    with engine(slow_hub, tmp_path) as served:
        begin(served, "phi-4-mini", load=True)
        wait_for_bytes(served, 500_000)
    slow_hub.bytes_per_second = 0
    with engine(slow_hub, tmp_path) as served:
        done = wait_download(served, Fetched)
        served.wait_status(PHI, Ready)
    assert _fetched_twice(slow_hub, done) <= 1024**2


def test_a_killed_engine_too_and_what_its_owner_paused_stays_paused(
    slow_hub: HubMirror, tmp_path: Path
) -> None:
    with engine(slow_hub, tmp_path) as served:
        begin(served, "phi-4-mini")
        wait_for_bytes(served, 500_000)
        born = children(served.process.pid)
        served.process.kill()
        wait_until(lambda: not any(child.is_running() for child in born), 5, "no child is left")
    with engine(slow_hub, tmp_path) as served:
        wait_for_bytes(served, 700_000)
        served.control(f"downloads/{PHI}/pause")
        wait_download(served, Paused)
    with engine(slow_hub, tmp_path) as served:
        paused = download(served)
        assert isinstance(paused.status, Paused)
        assert paused.bytes_total > 0
        slow_hub.bytes_per_second = 0
        assert pull(served, "phi-4-mini", "--no-load").returncode == 0
        done = download(served)
    assert _fetched_twice(slow_hub, done) <= 1024**2


def test_a_failure_is_told_with_its_remedy_and_can_be_tried_again(hub: HubMirror, tmp_path: Path) -> None:
    hub.fault("@revision", Fault("status", status=403, headers={"X-Error-Code": "GatedRepo"}))
    with engine(hub, tmp_path) as served:
        failed = pull(served, "phi-4-mini")
        assert failed.returncode == 1
        assert failed.stderr.startswith("✖")
        assert len(failed.stderr.splitlines()) >= 3
        assert isinstance(download(served).status, DownloadFailed)
        assert served.control(f"downloads/{PHI}/resume").status_code == 202
        wait_download(served, Fetched)


def _fetched_twice(hub: HubMirror, done: DownloadEntry) -> int:
    """Bytes sent for the model's files beyond what they have."""
    return (
        sum(sent for path, sent in hub.sent.items() if path.startswith("cpu_and_mobile/")) - done.bytes_total
    )
