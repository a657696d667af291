"""Starts the engine in the background, waits until it answers, and ends it: for the tray app and the CLI."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import psutil

from spark_engine.client.endpoint import Endpoint, is_alive, read_endpoint
from spark_engine.client.failures import ErrorReply
from spark_engine.client.http import SparkClient
from spark_engine.errors import SparkError, StartRefused, Unavailable
from spark_engine.paths import BaseDir, program

POLL_S = 0.05
START_TIMEOUT_S = 60.0
STOP_GRACE_S = 10.0
EVIDENCE_BYTES = 2000


class Launch(msgspec.Struct, frozen=True):
    """An engine on its way: its process, and the file with what it says."""

    child: subprocess.Popen[bytes]
    output: Path

    async def stop(self) -> None:
        """End it: nobody wants it any more."""
        await _collect(self.child, STOP_GRACE_S)


class EngineProcess:
    """A running engine. `child` is its process when this program started it, None when it ran already."""

    def __init__(self, endpoint: Endpoint, child: subprocess.Popen[bytes] | None) -> None:
        self.endpoint, self.child = endpoint, child

    @property
    def is_ours(self) -> bool:
        """Whether this program started it, and so may end it."""
        return self.child is not None

    @property
    def is_running(self) -> bool:
        """Whether its process still exists."""
        if self.child is not None:
            return self.child.poll() is None
        return is_alive(self.endpoint.pid)

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """End the engine if this program started it; one that ran before is left alone."""
        if self.child is not None:
            await _end(self.endpoint.pid, grace_s)
            await _collect(self.child, grace_s)


def launch_engine(base: BaseDir) -> Launch | None:
    """Start an engine without waiting for it, where no trace of another one is found; `start_engine` waits then."""
    try:
        return _launch(base) if read_endpoint(base) is None else None
    except OSError:
        return None


async def start_engine(
    base: BaseDir,
    *arguments: str,
    timeout_s: float = START_TIMEOUT_S,
    caller: str = "spark",
    launch: Launch | None = None,
) -> EngineProcess:
    """The engine of `base`: the one that runs, else a new one in the background, once it answers.

    `arguments` are further ones of `spark serve`; `launch` is one that is on its way already. Raises StartRefused with
    the engine's own words when it does not start, Unavailable when it does not answer in time (it is ended then).
    Cancelling ends it too.
    """
    running = read_endpoint(base) if launch is None else None
    if running is not None and await _answers(running, caller):
        return EngineProcess(running, None)
    launch = launch or _launch(base, *arguments)
    try:
        return await _started(base, launch, timeout_s, caller)
    except BaseException:
        await launch.stop()
        raise


async def stop_engine(base: BaseDir, grace_s: float = STOP_GRACE_S) -> int | None:
    """End the engine of `base`, whoever started it; its process id, None when none runs.

    The engine itself says its process id first, so that no stranger with a recycled id is ended.
    """
    if read_endpoint(base) is None:
        return None
    async with SparkClient(base) as client:
        pid = (await client.state()).engine.pid
    await _end(pid, grace_s)
    return pid


def output_file(base: BaseDir) -> Path:
    """Where an engine in the background writes what would go to the terminal."""
    return base.logs / "engine-output.log"


def _fresh_output(base: BaseDir) -> Path:
    """An empty file; the one of the run before is kept beside it."""
    base.create()
    file = output_file(base)
    if file.exists():
        file.replace(file.with_suffix(".1.log"))
    return file


def _launch(base: BaseDir, *arguments: str) -> Launch:
    output = _fresh_output(base)
    return Launch(_spawn(base, arguments, output), output)


def _spawn(base: BaseDir, arguments: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    """Start the engine away from this program's terminal, so that closing it does not end the engine."""
    command = [*program("serve"), "--base-dir", str(base.root), "--json", *arguments]
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            creationflags=_creation_flags(),
        )


def _creation_flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0


async def _started(base: BaseDir, launch: Launch, timeout_s: float, caller: str) -> EngineProcess:
    child, output = launch.child, launch.output
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        ended = child.poll() is not None
        endpoint = read_endpoint(base)
        if endpoint is not None and await _answers(endpoint, caller):
            return EngineProcess(endpoint, child if _is_from(child, endpoint.pid) else None)
        if ended:
            raise _start_refused(output, child.returncode)
        await asyncio.sleep(POLL_S)
    raise Unavailable(
        "engine_start_timeout",
        "Spark did not start in time",
        f"The engine did not answer within {timeout_s:g} s.",
        f"What it said is in {output}. Try again, or run `spark serve` to watch it start.",
    )


async def _answers(endpoint: Endpoint, caller: str) -> bool:
    async with SparkClient(endpoint, caller=caller) as client:
        try:
            await client.health()
        except SparkError:
            return False
    return True


def _start_refused(output: Path, returncode: int) -> StartRefused:
    """The engine's refusal in its own words: with `--json` it leaves them as one line."""
    said = output.read_bytes()
    for line in said.splitlines():
        if line.startswith(b'{"error"'):
            error = msgspec.json.decode(line, type=ErrorReply).error
            return StartRefused(error.code or "start_refused", error.title, error.message, error.remedy)
    tail = said[-EVIDENCE_BYTES:].decode(errors="replace").strip()
    return StartRefused(
        "engine_died",
        "Spark's engine ended at once",
        f"It ended with status {returncode}" + (f": {tail.splitlines()[-1]}" if tail else "."),
        f"What it said is in {output}; `spark doctor` looks for the cause.",
    )


def _is_from(child: subprocess.Popen[bytes], pid: int) -> bool:
    """Whether `pid` is the child or, where a launcher stands between (a venv on Windows), a child of it."""
    try:
        return pid == child.pid or any(p.pid == pid for p in psutil.Process(child.pid).children())
    except psutil.NoSuchProcess:
        return False


async def _end(pid: int, grace_s: float) -> None:
    """Ask the process to end; after `grace_s` make it."""
    try:
        process = psutil.Process(pid)
        process.terminate()
        if not await _until(lambda: not is_alive(pid), grace_s):
            process.kill()
    except psutil.NoSuchProcess:
        return


async def _collect(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """End our own child and collect its exit status."""
    if child.poll() is None:
        child.terminate()
    if not await _until(lambda: child.poll() is not None, grace_s):
        child.kill()
        await asyncio.to_thread(child.wait)


async def _until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        await asyncio.sleep(POLL_S)
    return condition()
