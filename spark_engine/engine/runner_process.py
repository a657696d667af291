"""One runner as an operating-system process: start, frames in and out, evidence from stderr, a sure end."""

import asyncio
import logging
import os
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator

from spark_engine.engine.runner_log import pass_on
from spark_engine.logs import LEVEL_VARIABLE, current_level
from spark_engine.paths import program
from spark_engine.protocol.framing import FrameError, encode, read_from_runner
from spark_engine.protocol.messages import FromRunner, ToRunner
from spark_engine.tasks import create_task

log = logging.getLogger(__name__)
EVIDENCE_LINES, EVIDENCE_CHARS = 40, 4000
LAST_LINES = 400
"""As many as the places of a native fault in every thread take."""
GRACE_S = 2.0


class RunnerProcess:
    """A started runner. Whoever starts it ends it with `end`; its pipes end it should the engine die."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._name = process, name
        self._stdin, self._stdout = process.stdin, process.stdout
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._stderr_task = create_task(self._read_stderr(process.stderr), name=f"stderr of {name}")

    @classmethod
    async def start(cls, name: str) -> "RunnerProcess":
        """Start a runner; OSError when the system cannot."""
        process = await asyncio.create_subprocess_exec(
            *program("runner"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "ORT_DISABLE_TELEMETRY": "1", LEVEL_VARIABLE: current_level()},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if sys.platform == "win32" else 0,
            start_new_session=sys.platform
            != "win32",  # a signal to the engine's group is the engine's to handle
        )
        return cls(process, name)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def evidence(self) -> str:
        """The last lines the runner wrote to stderr."""
        return "\n".join(self.last_words[-EVIDENCE_LINES:])[-EVIDENCE_CHARS:]

    @property
    def last_words(self) -> tuple[str, ...]:
        """More of them, as they came."""
        return tuple(self._last)

    @property
    def status(self) -> int:
        """How it ended, as `subprocess` gives it; 0 while it runs."""
        return self._process.returncode or 0

    def send(self, message: ToRunner) -> None:
        """Queue a message; a runner that has ended ignores it."""
        if not self._stdin.is_closing():
            self._stdin.write(encode(message))

    async def messages(self) -> AsyncIterator[FromRunner]:
        """What the runner says, until its end; a frame that is none ends it too."""
        try:
            while (message := await read_from_runner(self._stdout)) is not None:
                yield message
        except FrameError as error:
            self._last.append(f"unreadable message from the runner: {error}")
            self._process.kill()

    async def end(self) -> str:
        """End the process: close its stdin, and kill it when that does not help in time. How it ended, for
        people.
        """
        self._stdin.close()
        try:
            async with asyncio.timeout(GRACE_S):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        await self._stderr_task
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    async def _read_stderr(self, stderr: asyncio.StreamReader) -> None:
        while line := await _line(stderr):
            text = line.decode(errors="replace").rstrip()
            self._last.append(text)
            pass_on(self._name, text)


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; one too long for the buffer comes in pieces. Empty at end of file."""
    try:
        return await stream.readline()
    except ValueError:
        return await stream.read(EVIDENCE_CHARS) or b"\n"
