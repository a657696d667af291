"""The app as its own process: it starts its engine, a second start ends at once, and a signal ends both in order."""

import os
import signal
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from spark_engine.client.endpoint import read_endpoint
from spark_engine.life.crashes import kept_crashes
from spark_engine.paths import BaseDir
from tests.support.served import end, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ends the app with a signal")


def start(base: BaseDir) -> subprocess.Popen[bytes]:
    output = (base.root / "app-output.txt").open("ab")
    with output:
        command = [sys.executable, "-m", "app", "--base-dir", str(base.root)]
        return subprocess.Popen(command, stdout=output, stderr=output)


def said(base: BaseDir) -> str:
    return (base.root / "app-output.txt").read_text()


@pytest.mark.slow
def test_from_start_to_signal(base: BaseDir, free_port: int) -> None:
    ports = f"port = {free_port}\nhealth_port = 0\nmetrics_port = 0"
    base.settings_file.write_text(f"[server]\n{ports}\n[models]\npreload = false\n")
    first = start(base)
    try:
        wait_until(lambda: read_endpoint(base) is not None, 30, "the engine runs", lambda: said(base))
        endpoint = read_endpoint(base)
        assert endpoint is not None
        began = time.monotonic()
        second = start(base)
        assert second.wait(20) == 0
        assert time.monotonic() - began < 15
        assert first.poll() is None
        os.kill(first.pid, signal.SIGTERM)
        assert first.wait(20) == 0, said(base)
        wait_until(lambda: not psutil.pid_exists(endpoint.pid), 10, "the engine has ended with its app")
        assert "Traceback" not in said(base)
        assert not list(base.run.glob("*-runs.json")), "nobody will take this for a crash"
    finally:
        end(first)


@pytest.mark.slow
def test_an_app_that_crashes_leaves_its_engine_and_a_report_to_the_next_one(
    base: BaseDir, free_port: int
) -> None:
    ports = f"port = {free_port}\nhealth_port = 0\nmetrics_port = 0"
    base.settings_file.write_text(f"[server]\n{ports}\n[models]\npreload = false\n")
    first = start(base)
    wait_until(lambda: read_endpoint(base) is not None, 30, "the engine runs", lambda: said(base))
    endpoint = read_endpoint(base)
    assert endpoint is not None
    os.kill(first.pid, signal.SIGSEGV)
    first.wait(20)
    second = start(base)
    try:
        wait_until(lambda: bool(kept_crashes(base)), 20, "a report", lambda: said(base))
        (kept,) = kept_crashes(base)
        assert (kept.report.process, kept.report.how, kept.report.pid) == ("app", "SIGSEGV", first.pid)
        with httpx.Client(
            base_url=endpoint.address, headers={"Authorization": f"Bearer {endpoint.token}"}
        ) as http:
            wait_until(
                lambda: f"crashed:{kept.id}" in http.get("/spark/v1/state").json()["problems"], 20, "told"
            )
        os.kill(second.pid, signal.SIGTERM)
        assert second.wait(20) == 0, said(base)
        assert read_endpoint(base) == endpoint, "it did not start that engine, so it leaves it"
    finally:
        end(second)
        psutil.Process(endpoint.pid).terminate()
        wait_until(lambda: not psutil.pid_exists(endpoint.pid), 10, "the engine has ended")
