"""One app per base directory, with real processes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.instance import SingleInstance, _server_name
from spark_engine.paths import BaseDir

SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.instance import SingleInstance
from spark_engine.paths import BaseDir
app = QCoreApplication([])
instance = SingleInstance(BaseDir(Path(sys.argv[1])))
print("first" if instance.take() else "heard" if instance.call_first() else "deaf", flush=True)
"""


def second(base: BaseDir) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SECOND, str(base.root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def outcome(process: subprocess.Popen[str], qtbot: Any) -> str:
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=20000)
    assert process.stdout is not None
    with process.stdout:
        return process.stdout.read().strip()


def test_a_second_start_raises_the_first_window(qtbot: Any, base: BaseDir) -> None:
    first = SingleInstance(base)
    assert first.take()
    with qtbot.waitSignal(first.raised, timeout=20000):
        process = second(base)
    assert outcome(process, qtbot) == "heard"
    first.release()
    assert outcome(second(base), qtbot) == "first"


def test_another_base_directory_is_another_app(qtbot: Any, base: BaseDir, tmp_path: Path) -> None:
    first = SingleInstance(base)
    assert first.take()
    assert outcome(second(BaseDir(tmp_path / "other")), qtbot) == "first"
    first.release()


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_a_killed_app_leaves_no_lock_behind(qtbot: Any, base: BaseDir) -> None:
    holding = SECOND.replace("flush=True)", "flush=True)\nimport time; time.sleep(60)")
    command = [sys.executable, "-c", holding, str(base.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "first"
        process.kill()
        process.wait()
    later = SingleInstance(base)
    assert later.take()
    later.release()


def test_what_a_lost_power_or_another_name_of_the_machine_left_is_no_lock(base: BaseDir) -> None:
    """A lock file of an earlier version, of a process number that is somebody else's by now."""
    (base.run / "app.lock").write_text(f"{os.getppid()}\npython\nanother-machine\n")
    instance = SingleInstance(base)
    assert instance.take()
    instance.release()


def test_one_that_is_still_starting_is_waited_for(qtbot: Any, base: BaseDir) -> None:
    """It holds the lock, and does not listen yet."""
    first = SingleInstance(base)
    listen, first._server.listen = first._server.listen, lambda name: True  # type: ignore[assignment, method-assign]
    assert first.take()
    process = second(base)
    qtbot.wait(1500)
    assert process.poll() is None, "it is patient"
    with qtbot.waitSignal(first.raised, timeout=20000):
        listen(first._name)
    assert outcome(process, qtbot) == "heard"
    first.release()


@pytest.mark.skipif(sys.platform == "win32", reason="has no such sockets")
def test_the_socket_lies_in_the_owner_s_folder_where_its_path_is_short_enough(tmp_path: Path) -> None:
    short = BaseDir(Path("/tmp/spark-of-a-test"))
    assert _server_name(short) == "/tmp/spark-of-a-test/run/app.sock"
    assert "/" not in _server_name(BaseDir(tmp_path / ("deep" * 30)))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="ends the app with a signal")
def test_a_second_start_that_is_hidden_leaves_the_window_alone(qtbot: Any, base: BaseDir) -> None:
    first = SingleInstance(base)
    raised: list[bool] = []
    first.raised.connect(lambda: raised.append(True))
    assert first.take()
    command = [sys.executable, "-m", "app", "--hidden", "--base-dir", str(base.root)]
    process = subprocess.Popen(command)
    qtbot.waitUntil(lambda: process.poll() is not None, timeout=20000)
    assert process.returncode == 0
    assert raised == []
    first.release()
