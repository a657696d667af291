"""The child process that reads the hardware, as the engine sees it: asked line by line, cut off when it hangs."""

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from spark_engine.engine.leashed_process import LINE_LIMIT, signal_name
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.hardware import HardwareReading, ProbeRequest

log = logging.getLogger(__name__)
FIRST_PATIENCE_S, PATIENCE_S, END_S = 15.0, 5.0, 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
STEADY = 30
"""So many readings in a row, and earlier failures are forgotten."""
EVIDENCE_LINES = 20
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(HardwareReading)


class ProbeFailed(Exception):
    """There is no reading now; the text says why, in a sentence for people."""


class Probe:
    """Starts the child when it is first asked, and again after it failed: with pauses that double from 1 s to 60 s."""

    def __init__(
        self, command: Sequence[str], patience_s: float = PATIENCE_S, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._command, self._patience, self._first_pause = command, patience_s, first_pause_s
        self._process: asyncio.subprocess.Process | None = None
        self._stderr: asyncio.Task[None] | None = None
        self._evidence: deque[str] = deque(maxlen=EVIDENCE_LINES)
        self._failures, self._answers = 0, 0
        self._not_before, self._reason = 0.0, ""

    @classmethod
    def of_folder(cls, folder: str) -> "Probe":
        """The child that also tells of the disk a folder lies on."""
        return cls([sys.executable, "-m", "spark_engine.hardware.probe", folder])

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._process.pid if self._process else None

    async def read(self, roles: Mapping[int, str]) -> HardwareReading:
        """A reading with the shares of these processes; ProbeFailed when there is none."""
        if self._process is None and time.monotonic() < self._not_before:
            raise ProbeFailed(self._reason)
        try:
            process = self._process or await self._start()
            async with asyncio.timeout(self._patience if self._answers else FIRST_PATIENCE_S):
                reading = await self._ask(process, roles)
        except (OSError, TimeoutError, msgspec.MsgspecError) as error:
            raise await self._failed(error) from error
        except BaseException:
            await self.close()
            raise
        self._answers += 1
        if self._answers >= STEADY:
            self._failures = 0
        return reading

    async def close(self) -> None:
        """End the child. One that cannot be ended now (it waits inside a driver) is left to the system."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        with suppress(ProcessLookupError):
            process.kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await process.wait()
        await cancel_and_wait(self._stderr)

    async def _start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            limit=LINE_LIMIT,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            start_new_session=os.name == "posix",
        )
        assert process.stderr is not None
        self._stderr = create_task(self._listen(process.stderr), name="stderr of the hardware probe")
        self._process, self._answers = process, 0
        return process

    async def _ask(self, process: asyncio.subprocess.Process, roles: Mapping[int, str]) -> HardwareReading:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(_encoder.encode(ProbeRequest(dict(roles))) + b"\n")
        await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            raise BrokenPipeError
        return _decoder.decode(line)

    async def _failed(self, error: Exception) -> ProbeFailed:
        process = self._process
        if isinstance(error, OSError) and not isinstance(error, TimeoutError) and process is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_S):
                    await process.wait()
        reason = _why(error, process.returncode if process else None)
        await self.close()
        log.warning("reading the hardware: %s %s", reason, " | ".join(self._evidence))
        pause = min(LONGEST_PAUSE_S, self._first_pause * 2.0**self._failures)
        self._failures += 1
        self._not_before, self._reason = time.monotonic() + pause, reason
        return ProbeFailed(reason)

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        with suppress(ValueError):
            while line := await stderr.readline():
                self._evidence.append(line.decode(errors="replace").rstrip())


def _why(error: Exception, status: int | None) -> str:
    """A sentence for people."""
    if isinstance(error, TimeoutError):
        return "A driver did not answer in time, so the process that reads the hardware was ended."
    if isinstance(error, msgspec.MsgspecError):
        return "The process that reads the hardware said something that is no reading."
    if status is None:
        return f"The process that reads the hardware could not be started: {error}."
    name = signal_name(128 - status) if status < 0 else ""
    return f"The process that reads the hardware crashed ({name or f'exit status {status}'})."
