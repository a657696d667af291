"""What `bootstrap.py run` does where there is no screen: the real engine, a first answer, and an end in order."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from installer import environment

pytestmark = pytest.mark.skipif(
    not environment.python().exists(), reason="the tests run outside Spark's .venv"
)
ROOT = Path(__file__).parents[2]
START = "from installer import console, start; raise SystemExit(start.engine({}, console.Console()))"


@contextmanager
def _started(home: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    settings = {"SPARK_HOME": str(home), "SPARK_SERVER_PORT": str(port)}
    probes = {"SPARK_SERVER_HEALTH_PORT": "0", "SPARK_SERVER_METRICS_PORT": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", START],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | settings | probes,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _until(process: "subprocess.Popen[str]", words: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"never said: {words}; said: {said}")


def test_the_engine_answers_once_says_how_to_ask_and_ends_when_told(tmp_path: Path, free_port: int):
    with _started(tmp_path, free_port) as process:
        said = _until(process, "Spark serves until")
        children = psutil.Process(process.pid).children(recursive=True)
        assert "Model ready: spark-nano:onnx-int4" in said
        assert "tokens/s" in said
        assert _answers(said)
        with _started(tmp_path, free_port) as second:
            assert "Spark already runs as process" in _until(second, "Spark: ")
            assert second.wait() == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


def _answers(said: str) -> bool:
    """Whether the request that is shown works as it stands."""
    line = next(line for line in said.splitlines() if line.startswith("curl "))
    address, body = line.split()[1], line[line.index("'") + 1 : line.rindex("'")]
    request = urllib.request.Request(address, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bool(json.load(answer)["choices"][0]["message"]["content"])


def test_a_busy_port_is_told_by_the_engine_and_ends_the_command(
    tmp_path: Path, free_ports: Callable[[], int]
):
    port = free_ports()
    with _started(tmp_path / "one", port) as first:
        _until(first, "Spark serves until")
        with _started(tmp_path / "two", port) as second:
            assert second.wait(30) == 1
            assert second.stderr is not None
            assert f"Port {port} is busy" in second.stderr.read()
        first.send_signal(signal.SIGTERM)
        first.wait(10)
