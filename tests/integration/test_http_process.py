"""The engine process: start, second start, busy ports, endpoint file, logs, and an end in bounded time."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from spark_engine.api.serve import run_server
from spark_engine.client.endpoint import read_endpoint
from spark_engine.config.load import load_config
from spark_engine.errors import StartRefused
from spark_engine.paths import BaseDir
from tests.support.served import ECHO_CARD, Served, end, wait_until

STARTER = """
import sys
from spark_engine.api.serve import run_server
from spark_engine.config.load import load_config
from spark_engine.paths import base_dir
base = base_dir(sys.argv[1])
config = load_config(base.settings_file)
sys.exit(run_server(config, base, lambda endpoint: print("ready", endpoint.address, flush=True)))
"""
CHAT = {"model": "echo:slow", "messages": [{"role": "user", "content": "word " * 400}], "stream": True}
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="signals and Unix sockets")


@contextmanager
def engine(base: BaseDir, port: int, **settings: object) -> Iterator[Served]:
    """An engine process of our own, ready to answer."""
    (base.root / "model_cards").mkdir(exist_ok=True)
    (base.root / "model_cards" / "echo.toml").write_text(ECHO_CARD)
    chosen = {"server_port": port, "server_health_port": 0, "server_metrics_port": 0, "models_preload": False}
    environ = os.environ | {f"SPARK_{k.upper()}": str(v) for k, v in (chosen | settings).items()}
    with (base.root / "output.txt").open("wb") as output:
        command = [sys.executable, "-c", STARTER, str(base.root)]
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
    served = Served(process, base, f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: b"ready http" in said(base) or process.poll() is not None, 30, "ready", served.log)
        yield served
    finally:
        end(process)


def said(base: BaseDir) -> bytes:
    return (base.root / "output.txt").read_bytes()


def started_stream(served: Served) -> socket.socket:
    """A raw connection with a stream under way, which nobody will read."""
    body = httpx.Request("POST", "http://x", json=CHAT).content
    port = int(served.address.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), 10)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    )
    connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    assert b"200 OK" in connection.recv(200)
    return connection


def test_a_running_engine_has_its_endpoint_socket_log_and_probes(
    base: BaseDir, free_ports: Callable[[], int]
) -> None:
    port, health, metrics = free_ports(), free_ports(), free_ports()
    with engine(base, port, server_health_port=health, server_metrics_port=metrics) as served:
        assert f"ready http://127.0.0.1:{port}".encode() in said(base)
        assert httpx.get(f"http://127.0.0.1:{health}/health").json()["ready"] in (True, False)
        assert "spark_" in httpx.get(f"http://127.0.0.1:{metrics}/metrics").text
        assert served.endpoint.pid == served.process.pid
        assert served.state().engine.address == served.address
        assert stat.S_IMODE(base.endpoint_file.stat().st_mode) == 0o600
        assert served.endpoint.token not in served.log()
        assert "serving" in (base.logs / "engine.log").read_text()
        assert httpx.get(f"http://127.0.0.1:{health}/v1/models").status_code == 404


def test_a_second_engine_on_the_same_base_directory_is_refused_by_name(
    base: BaseDir, free_ports: Callable[[], int]
) -> None:
    with engine(base, free_ports()) as served:
        config = load_config(base.settings_file, {}, {"server.port": free_ports()})
        with pytest.raises(StartRefused) as refused:
            run_server(config, base)
        assert refused.value.code == "engine_running"
        assert str(served.process.pid) in refused.value.message
        assert str(base.root) in refused.value.message
        assert "--base-dir" in refused.value.remedy
        assert read_endpoint(base) == served.endpoint, "the first one is left in peace"


def test_a_busy_port_is_refused_with_who_holds_it_and_a_way_out(base: BaseDir, free_port: int) -> None:
    with closing(socket.create_server(("127.0.0.1", free_port))):
        with pytest.raises(StartRefused) as refused:
            run_server(load_config(base.settings_file, {}, {"server.port": free_port}), base)
    error = refused.value
    assert error.code == "port_busy"
    assert str(os.getpid()) in error.message
    assert psutil.Process().name() in error.message
    assert "spark serve --port" in error.remedy
    assert not base.endpoint_file.exists()


def test_a_busy_probe_port_is_a_problem_not_the_end(base: BaseDir, free_ports: Callable[[], int]) -> None:
    busy = free_ports()
    with (
        closing(socket.create_server(("127.0.0.1", busy))),
        engine(base, free_ports(), server_health_port=busy) as it,
    ):
        problem = it.state().problems[f"port_{busy}_busy"]
        assert problem.severity == "warning"
        assert not problem.blocks
        assert str(os.getpid()) in problem.message
        assert "server.health_port" in problem.remedy


@posix_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_within_five_seconds_whatever_runs(base: BaseDir, free_port: int, number: int) -> None:
    with engine(base, free_port) as served:
        connections = [started_stream(served) for _ in range(3)]
        half = socket.create_connection(("127.0.0.1", free_port))
        half.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x")
        runners = psutil.Process(served.process.pid).children(recursive=True)
        assert runners
        watching = httpx.Client(headers=served.owner)
        with watching.stream("GET", f"{served.address}/spark/v1/events") as events:
            began = time.monotonic()
            served.process.send_signal(number)
            last = list(events.iter_lines())[-2]
        assert served.process.wait(5) == 0, served.log()
        assert time.monotonic() - began < 5
        assert last == 'data: {"type":"phase","phase":"stopping"}'
        assert not base.endpoint_file.exists()
        assert not base.socket.exists()
        assert not any(p.is_running() for p in runners)
        assert "Traceback" not in served.log()
        assert " ERROR " not in served.log()
        for connection in (*connections, half):
            connection.close()
        watching.close()


@posix_only
def test_streams_end_with_an_event_when_the_engine_stops(base: BaseDir, free_port: int) -> None:
    with engine(base, free_port) as served, httpx.Client(timeout=10) as http:
        with http.stream("POST", f"{served.address}/v1/chat/completions", json=CHAT) as reply:
            lines = (line for line in reply.iter_lines() if line.startswith("data:"))
            next(lines)
            served.process.terminate()
            last = list(lines)[-1]
        assert '"error"' in last
        assert '"code"' in last
        assert served.process.wait(5) == 0


@posix_only
def test_an_engine_that_was_killed_leaves_nothing_that_keeps_the_next_from_starting(
    base: BaseDir, free_port: int
) -> None:
    with engine(base, free_port) as first:
        first.process.kill()
        first.process.wait(5)
        assert base.endpoint_file.exists()
        assert read_endpoint(base) is None
    with engine(base, free_port) as second:
        assert second.endpoint.pid == second.process.pid
        assert httpx.get(f"{second.address}/v1/models").status_code == 200


@posix_only
def test_a_base_directory_too_deep_for_a_socket_still_serves(tmp_path: Path, free_port: int) -> None:
    base = BaseDir(tmp_path / ("deep" * 20) / ("deeper" * 10))
    base.create()
    with engine(base, free_port) as served:
        assert served.endpoint.socket == ""
        assert served.state().engine.pid == served.process.pid


def test_idle_costs_nothing(base: BaseDir, free_ports: Callable[[], int]) -> None:
    ports = {"server_health_port": free_ports(), "server_metrics_port": free_ports()}
    with engine(base, free_ports(), **ports) as served:
        httpx.get(f"{served.address}/v1/models")
        process = psutil.Process(served.process.pid)
        # What its start left to do may take a while on a busy machine; what polls does so in every one of these spans.
        spans = (_span_of(process, 2) for _ in range(5))
        assert any(used <= 0.03 and switches <= 8 for used, switches in spans), "nothing polls"
        assert process.memory_info().rss < 120e6


def _span_of(process: psutil.Process, seconds: float) -> tuple[float, int]:
    """Processor time in seconds, and how often it woke up."""
    before, switches = process.cpu_times(), process.num_ctx_switches().voluntary
    time.sleep(seconds)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return used, process.num_ctx_switches().voluntary - switches
