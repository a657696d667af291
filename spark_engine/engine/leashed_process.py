"""A child process of the engine that ends with the engine: its output line by line, its exit, a sure end."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct

EVIDENCE_LINES, EVIDENCE_CHARS, LINE_LIMIT = 60, 4000, 1 << 20


class Ended(Struct, frozen=True):
    """How a command ended: its status (None: it was ended after the time limit), and its last lines."""

    status: int | None
    tail: str

    @property
    def succeeded(self) -> bool:
        """Whether it did what was asked."""
        return self.status == 0

    def __str__(self) -> str:
        if self.status is None:
            return "did not end in time"
        name = signal_name(self.status)
        return f"ended by {name}" if name else f"exit status {self.status}"


def signal_name(status: int) -> str:
    """The signal behind an exit status of 128 + n; empty if there is none."""
    try:
        return signal.Signals(status - 128).name
    except ValueError:
        return ""


async def run(
    command: Sequence[str],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> Ended:
    """Run a command to its end, stdout and stderr together going to `on_line`; `env` is added to ours.

    Cancelling ends the command and all it started before this returns. OSError when it cannot be started.
    """
    tail: deque[str] = deque(maxlen=EVIDENCE_LINES)
    async with _leashed(command, env) as process:
        try:
            async with asyncio.timeout(timeout_s):
                async for line in _lines(process):
                    tail.append(line)
                    on_line(line)
                status = await process.wait()
        except TimeoutError:
            status = None
    return Ended(status, "\n".join(tail)[-EVIDENCE_CHARS:])


@asynccontextmanager
async def _leashed(
    command: Sequence[str], env: Mapping[str, str] | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The running command; at the end of the context it has ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "spark_engine.engine.leash"),
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        limit=LINE_LIMIT,
        env={**os.environ, **(env or {})},
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await _drained(process)


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Wait for the end, shielded from being cancelled a second time."""
    await asyncio.shield(process.communicate())


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    """The output line by line; a line too long for the buffer is left out."""
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:
            continue
        if not line:
            return
        yield line.decode(errors="replace").rstrip()
