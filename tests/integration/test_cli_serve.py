"""Starting and ending the engine: in the foreground, in the background, once per base directory."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from spark_engine.client import process
from spark_engine.client.endpoint import read_endpoint
from spark_engine.client.http import SparkClient
from spark_engine.client.process import launch_engine, output_file, start_engine, stop_engine
from spark_engine.errors import StartRefused, Unavailable
from spark_engine.paths import BaseDir
from tests.support.served import ECHO_CARD, children, end, free_port, serve, wait_until

COMMAND = [sys.executable, "-m", "spark_engine"]


@pytest.fixture
async def quiet(base: BaseDir, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BaseDir]:
    """A base directory whose engine loads nothing and opens no further ports; what was started is ended."""
    settings = {"models_preload": "false", "server_health_port": "0", "server_metrics_port": "0"}
    for name, value in settings.items():
        monkeypatch.setenv(f"SPARK_{name.upper()}", value)
    monkeypatch.setenv("SPARK_SERVER_PORT", str(free_port()))
    yield base
    await stop_engine(base)


async def test_started_in_the_background_and_ended(quiet: BaseDir) -> None:
    engine = await start_engine(quiet)
    assert engine.is_ours
    assert engine.is_running
    async with SparkClient(engine.endpoint) as client:
        assert (await client.state()).engine.pid == engine.endpoint.pid
    if sys.platform != "win32":
        assert os.getsid(engine.endpoint.pid) != os.getsid(0)
        assert output_file(quiet).stat().st_mode & 0o077 == 0
    await engine.stop()
    assert not engine.is_running
    assert read_endpoint(quiet) is None


async def test_a_running_engine_is_joined_and_left_alone(quiet: BaseDir) -> None:
    first = await start_engine(quiet)
    second = await start_engine(quiet)
    assert (second.is_ours, second.endpoint) == (False, first.endpoint)
    await second.stop()
    assert first.is_running
    assert second.is_running
    await first.stop()
    assert not second.is_running


async def test_an_engine_on_its_way_is_waited_for_and_owned(quiet: BaseDir) -> None:
    launch = launch_engine(quiet)
    assert launch is not None
    engine = await start_engine(quiet, launch=launch)
    assert (engine.child, engine.is_ours) == (launch.child, True)
    assert launch_engine(quiet) is None
    await engine.stop()
    assert not engine.is_running


async def test_an_engine_on_its_way_gives_way_to_one_that_was_faster(quiet: BaseDir) -> None:
    launch = launch_engine(quiet)
    assert launch is not None
    first = await start_engine(quiet, launch=launch)
    refused = process._launch(quiet)
    joined = await start_engine(quiet, launch=refused)
    assert (joined.is_ours, joined.endpoint) == (False, first.endpoint)
    await refused.stop()
    await first.stop()


async def test_an_engine_on_its_way_that_nobody_wants_is_ended(quiet: BaseDir) -> None:
    launch = launch_engine(quiet)
    assert launch is not None
    await launch.stop()
    assert launch.child.poll() is not None
    assert read_endpoint(quiet) is None


async def test_an_engine_that_refuses_says_why_in_its_own_words(
    quiet: BaseDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await start_engine(quiet)
    with pytest.raises(StartRefused) as caught:
        await start_engine(BaseDir(tmp_path / "other"))
    assert caught.value.code == "port_busy"
    assert str(first.endpoint.pid) in caught.value.message
    assert "--port" in caught.value.remedy
    await first.stop()


async def test_an_engine_that_is_too_slow_is_ended(quiet: BaseDir) -> None:
    with pytest.raises(Unavailable) as caught:
        await start_engine(quiet, timeout_s=0.05)
    assert caught.value.code == "engine_start_timeout"
    assert read_endpoint(quiet) is None


async def test_an_engine_killed_is_started_again_with_a_new_token(quiet: BaseDir) -> None:
    first = await start_engine(quiet)
    os.kill(first.endpoint.pid, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    wait_until(lambda: not first.is_running)
    second = await start_engine(quiet)
    assert second.is_ours
    assert second.endpoint.token != first.endpoint.token
    await second.stop()


async def test_the_output_of_the_run_before_is_kept(quiet: BaseDir) -> None:
    for _ in range(2):
        await (await start_engine(quiet)).stop()
    assert sorted(f.name for f in quiet.logs.glob("engine-output*")) == [
        "engine-output.1.log",
        "engine-output.log",
    ]


def test_chat_starts_the_engine_when_told_to_and_stop_ends_it(quiet: BaseDir) -> None:
    (quiet.root / "model_cards").mkdir()
    (quiet.root / "model_cards" / "echo.toml").write_text(ECHO_CARD)
    environ = {**os.environ, "SPARK_HOME": str(quiet.root)}
    first = subprocess.run(
        [*COMMAND, "chat", "Hi", "-m", "echo", "--start"],
        env=environ,
        capture_output=True,
        text=True,
        stdin=-3,
    )
    assert (first.returncode, first.stdout) == (0, "Hi\n")
    assert "spark stop" in first.stderr
    endpoint = read_endpoint(quiet)
    assert endpoint is not None
    runners = children(endpoint.pid)
    assert runners
    for expected in (endpoint.pid, None):
        done = subprocess.run([*COMMAND, "stop", "--json"], env=environ, capture_output=True, text=True)
        assert json.loads(done.stdout) == {"stopped": expected is not None, "pid": expected}
    wait_until(lambda: not any(r.is_running() for r in runners), what="the runners ended")


def test_serve_announces_itself_for_people(tmp_path: Path) -> None:
    with serve(tmp_path, models_default="echo:plain") as served:
        output = tmp_path / "output.txt"
        wait_until(lambda: "is ready on" in output.read_text(), 30, "the model is announced", served.log)
        text = output.read_text()
        assert f"Spark is running at {served.address}" in text
        assert f"curl {served.address}/v1/chat/completions" in text
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(10) == 0
    assert "Traceback" not in served.log()


@pytest.mark.skipif(sys.platform == "win32", reason="the line is for a POSIX shell")
def test_the_curl_line_works_as_it_stands(tmp_path: Path) -> None:
    with serve(tmp_path, models_default="echo:plain") as served:
        output = tmp_path / "output.txt"
        wait_until(lambda: "curl " in output.read_text(), 30, "the curl line", served.log)
        line = next(part for part in output.read_text().splitlines() if part.strip().startswith("curl "))
        done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, timeout=30)
    assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "What can you do?"


def test_serve_for_programs_prints_one_line_of_json(tmp_path: Path) -> None:
    with serve(tmp_path, "--json", models_preload="false") as served:
        output = tmp_path / "output.txt"
        wait_until(lambda: '{"address"' in output.read_text())
        line = next(part for part in output.read_text().splitlines() if part.startswith("{"))
        told = json.loads(line)
        assert (told["address"], told["pid"]) == (served.address, served.process.pid)


def test_a_second_engine_on_the_same_base_directory_is_refused(tmp_path: Path) -> None:
    with serve(tmp_path, models_preload="false") as served:
        command = [*COMMAND, "serve", "--base-dir", str(tmp_path), "--port", str(free_port())]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert str(served.process.pid) in second.stderr
    assert "Traceback" not in second.stderr


def test_a_wrong_port_is_refused(tmp_path: Path) -> None:
    command = [*COMMAND, "serve", "--base-dir", str(tmp_path), "--port", "99999", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "bad_setting"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
def test_a_terminal_that_closes_leaves_a_background_engine_alone(quiet: BaseDir) -> None:
    code = (
        "import asyncio, os, sys; from spark_engine.client.process import start_engine; "
        "from spark_engine.paths import BaseDir; from pathlib import Path; "
        "print(asyncio.run(start_engine(BaseDir(Path(sys.argv[1])))).endpoint.pid, flush=True); input()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(quiet.root)], stdin=-1, stdout=-1, start_new_session=True
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.killpg(parent.pid, signal.SIGHUP)
        parent.wait(10)
        endpoint = read_endpoint(quiet)
        assert endpoint is not None
        assert endpoint.pid == pid
        assert httpx.get(f"{endpoint.address}/v1/models").status_code == 200
    finally:
        end(parent)
        parent.communicate()
