"""An engine of the benchmark's own: private base directory, free ports, one model, ended with whoever started it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from spark_engine.client.endpoint import Endpoint, read_endpoint
from spark_engine.client.http import SparkClient
from spark_engine.errors import SparkError
from spark_engine.paths import BaseDir, program
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import LoadFailed, Ready
from spark_engine.types.state import find_variant

MODEL = "bench:file"
START_S, POLL_S, END_S = 60.0, 0.05, 6.0
CARD = """# The file that is being measured.
id = "bench"
name = "Bench"
family = "bench"
licence = ""
summary = "The file that is being measured."
parameters = 0
context = {context}
[[variants]]
id = "file"
format = "{format}"
quantization = ""
path = {folder}
file = {file}
"""


class ServedModel:
    """A running engine that has loaded the model of `plan`; everything it writes lies under `root`."""

    def __init__(self, plan: LoadPlan, root: Path) -> None:
        self._base = BaseDir(root)
        _write_card(self._base, plan)
        self._process = _start(self._base, plan)
        self.pids: list[int] = []
        self.address = ""

    async def ready(self) -> None:
        """Wait until the model answers at `address`. SparkError or RuntimeError when it does not come to that."""
        async with asyncio.timeout(START_S):
            while (endpoint := read_endpoint(self._base)) is None or not await _answers(endpoint):
                if self._process.poll() is not None:
                    raise RuntimeError(f"the engine ended with status {self._process.returncode}")
                await asyncio.sleep(POLL_S)
        async with SparkClient(endpoint, caller="spark-bench") as client:
            await client.load(MODEL)
            self.pids = [endpoint.pid, await _runner_pid(client)]
        self.address = endpoint.address

    def close(self) -> None:
        """End the engine with all it started."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()


def _write_card(base: BaseDir, plan: LoadPlan) -> None:
    base.create()
    path = Path(plan.path)
    folder, file = (path.parent, path.name) if path.is_file() else (path, "")
    text = CARD.format(
        format=plan.format, context=plan.context, folder=_quoted(str(folder)), file=_quoted(file)
    )
    cards = base.root / "model_cards"
    cards.mkdir(exist_ok=True)
    (cards / "bench.toml").write_text(text, encoding="utf-8")


def _quoted(text: str) -> str:
    """A TOML string; JSON's escapes are TOML's."""
    return json.dumps(text)


def _start(base: BaseDir, plan: LoadPlan) -> "subprocess.Popen[bytes]":
    """The engine on a leash: it ends when our end of its stdin closes, however that comes."""
    settings = {
        "SERVER_HEALTH_PORT": 0,
        "SERVER_METRICS_PORT": 0,
        "MODELS_PRELOAD": "false",
        "MODELS_CONTEXT": plan.context,
        "MODELS_SLOTS": plan.slots,
        "MODELS_THREADS": plan.threads,
        "MODELS_PROMPT_LOOKUP": str(plan.prompt_lookup).lower(),
    }
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    environ |= {f"SPARK_{name}": str(value) for name, value in settings.items()}
    command = [*program("serve"), "--base-dir", str(base.root), "--port", str(_free_port()), "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "spark_engine.engine.leash", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environ,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _answers(endpoint: Endpoint) -> bool:
    async with SparkClient(endpoint) as client:
        try:
            await client.health()
        except SparkError:
            return False
    return True


async def _runner_pid(client: SparkClient) -> int:
    """The process that holds the model, once it does."""
    while True:
        variant = find_variant(await client.state(), MODEL)
        match variant.status if variant else None:
            case Ready(pid=pid):
                return pid
            case LoadFailed(title=title, message=message):
                raise RuntimeError(f"{title}: {message}")
        await asyncio.sleep(POLL_S)
