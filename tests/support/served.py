"""A real `spark serve` in its own process, base directory and port, for tests of the whole way."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import psutil

from spark_engine.client.endpoint import Endpoint, read_endpoint
from spark_engine.paths import BaseDir
from spark_engine.types.models import VariantStatus
from spark_engine.types.state import EngineState, find_variant

ECHO_CARD = """
id = "echo"
name = "Echo"
family = "echo"
licence = "MIT"
summary = "Says what it is told."
parameters = 1
context = 4096
[sampling]
temperature = 0.0
[[variants]]
id = "plain"
format = "echo"
quantization = "none"
[[variants]]
id = "slow"
format = "echo"
quantization = "none"
path = "?delay_ms=20"
"""


class Served:
    """A running engine and how to reach it."""

    def __init__(self, process: subprocess.Popen[bytes], base: BaseDir, address: str) -> None:
        self.process, self.base, self.address = process, base, address

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint file's content."""
        endpoint = read_endpoint(self.base)
        assert endpoint is not None
        return endpoint

    @property
    def owner(self) -> dict[str, str]:
        """The header that makes a call the owner's."""
        return {"Authorization": f"Bearer {self.endpoint.token}"}

    def state(self) -> EngineState:
        """The engine's state now."""
        reply = httpx.get(f"{self.address}/spark/v1/state", headers=self.owner)
        return msgspec.json.decode(reply.raise_for_status().content, type=EngineState)

    def status(self, variant: str) -> VariantStatus:
        """A variant's status now."""
        entry = find_variant(self.state(), variant)
        assert entry is not None
        return entry.status

    def control(self, path: str) -> httpx.Response:
        """A state-changing call as the owner."""
        return httpx.post(f"{self.address}/spark/v1/{path}", headers=self.owner, timeout=30)

    def wait_status(self, variant: str, kind: type, timeout_s: float = 30) -> VariantStatus:
        """Wait until a variant has a status of this type."""
        wait_until(lambda: isinstance(self.status(variant), kind), timeout_s, f"{variant} {kind.__name__}")
        return self.status(variant)

    def ask(self, text: str, model: str = "auto", **fields: object) -> dict[str, object]:
        """One chat answer, not streamed, as the reply's JSON."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
        reply = httpx.post(f"{self.address}/v1/chat/completions", json=body, timeout=60)
        answer: dict[str, object] = reply.json()
        return answer

    def log(self) -> str:
        """Everything the engine wrote to its log and its output."""
        files = [*self.base.logs.glob("*.log*"), self.base.root / "output.txt"]
        return "\n".join(f.read_text(errors="replace") for f in files if f.is_file())


@contextmanager
def serve(root: Path, *arguments: str, **settings: str) -> Iterator[Served]:
    """Start an engine under `root` and end it afterwards; settings as `models_preload="false"`."""
    base, port = BaseDir(root), free_port()
    base.create()
    (root / "model_cards").mkdir(exist_ok=True)
    (root / "model_cards" / "echo.toml").write_text(ECHO_CARD)
    environ = {**os.environ, "SPARK_SERVER_HEALTH_PORT": "0", "SPARK_SERVER_METRICS_PORT": "0"}
    environ |= {f"SPARK_{key.upper()}": value for key, value in settings.items()}
    command = [sys.executable, "-m", "spark_engine", "serve", "--port", str(port), "--base-dir", str(root)]
    with (root / "output.txt").open("wb") as output:
        process = subprocess.Popen([*command, *arguments], env=environ, stdout=output, stderr=output)
    served = Served(process, base, f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: _answers(served), 30, "the engine answers", lambda: served.log())
        yield served
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process we started, for certain."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


def free_port() -> int:
    """A loopback port nobody uses right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children(pid: int) -> list[psutil.Process]:
    """The live processes that `pid` started, and theirs."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def wait_until(
    condition: Callable[[], bool],
    timeout_s: float = 10,
    what: str = "the condition",
    evidence: Callable[[], str] = lambda: "",
) -> None:
    """Poll until the condition holds; AssertionError with the evidence when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}\n{evidence()}"
        time.sleep(0.02)


def _answers(served: Served) -> bool:
    assert served.process.poll() is None, f"the engine ended:\n{served.log()}"
    endpoint = read_endpoint(served.base)
    if endpoint is None:
        return False
    try:
        return httpx.get(f"{served.address}/v1/models", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
