"""The engine's lock: one holder, named to the other, given back at the end of the process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spark_engine.api.lock import EngineLock
from spark_engine.errors import StartRefused

HOLD = "import sys; from pathlib import Path; from spark_engine.api.lock import EngineLock\n"
HOLD += "with EngineLock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def test_a_second_holder_is_refused_with_the_first_one_s_process(tmp_path: Path) -> None:
    file = tmp_path / "engine.lock"
    with EngineLock(file):
        with pytest.raises(StartRefused) as refused, EngineLock(file):
            pass
        assert f"process {os.getpid()}" in refused.value.message
    with EngineLock(file):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "engine.lock"
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StartRefused), EngineLock(file):
            pass
        holder.kill()
        holder.wait(10)
    with EngineLock(file):
        assert file.read_text().strip() == str(os.getpid())
