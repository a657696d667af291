"""Children on the leash: their output, their end, and that nothing they started survives."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from spark_engine.engine.leashed_process import run

posix = pytest.mark.skipif(os.name != "posix", reason="signals")
GRANDCHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


async def test_lines_and_status_arrive():
    lines: list[str] = []
    ended = await run([sys.executable, "-c", "print('one'); print('two'); raise SystemExit(3)"], lines.append)
    assert lines == ["one", "two"]
    assert (ended.status, ended.tail, str(ended)) == (3, "one\ntwo", "exit status 3")
    assert not ended.succeeded


@posix
async def test_a_crash_is_told_by_its_signal():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    assert str(await run([sys.executable, "-c", code], print)) == "ended by SIGSEGV"


async def test_what_does_not_end_is_ended():
    ended = await run([sys.executable, "-c", "import time; time.sleep(60)"], print, timeout_s=0.5)
    assert str(ended) == "did not end in time"


async def test_cancelling_ends_children_of_children():
    lines: list[str] = []
    task = asyncio.ensure_future(run([sys.executable, "-c", GRANDCHILD], lines.append))  # noqa: TID251
    while not lines:
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _is_gone(int(lines[0]))


@posix
def test_a_killed_owner_leaves_nothing_behind(tmp_path: Path):
    owner_code = (
        "import asyncio, sys\n"
        "from spark_engine.engine.leashed_process import run\n"
        f"asyncio.run(run([sys.executable, '-c', {GRANDCHILD!r}], lambda line: print(line, flush=True)))"
    )
    with subprocess.Popen([sys.executable, "-c", owner_code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        grandchild = int(owner.stdout.readline())
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    assert _is_gone(grandchild)


def _is_gone(pid: int) -> bool:
    """Whether a process ends within five seconds."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
