"""One app per base directory, with real processes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.instance import SingleInstance
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
