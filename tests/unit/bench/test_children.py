"""Programs the benchmark starts: asked and answered by lines, noticed when they end, ended for certain."""

import sys
import threading
import time

import psutil
import pytest

from spark_engine.bench.children import Cancelled, Child, ChildEnded, Children

ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
STUBBORN = (
    "import sys, time\nsys.stdin.readline(); print('{\"ready\": 1}', flush=True)\nwhile True: time.sleep(1)"
)
CRASH = (
    "import os, sys\nsys.stdin.readline(); print('what happened', file=sys.stderr, flush=True); os.abort()"
)
PARENT = (
    "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "sys.stdin.readline(); print('{\"pid\": %d}' % child.pid, flush=True)\nchild.wait()"
)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_question_has_an_answer() -> None:
    with Children() as children:
        child = children.start(python(ECHO))
        assert child.ask({"a": [1, 2]}, 20) == {"a": [1, 2]}
        assert child.ask({"b": "ü"}, 20) == {"b": "ü"}


def test_a_crash_is_told_with_its_signal_and_last_words() -> None:
    with Children() as children:
        child = children.start(python(CRASH))
        with pytest.raises(ChildEnded, match=r"ended (by signal|with status).*what happened"):
            child.ask({}, 20)
        with pytest.raises(ChildEnded):
            child.ask({}, 20)


def test_silence_is_an_end_too() -> None:
    with Children() as children:
        child = children.start(python("import time; time.sleep(60)"))
        with pytest.raises(ChildEnded, match="silent"):
            child.ask({}, 0.2)


def test_all_it_says_until_it_ends() -> None:
    with Children() as children:
        child = children.start(python("print('{\"n\": 1}'); print('{\"n\": 2}')"))
        assert [said["n"] for said in child.lines(20)] == [1, 2]


def test_who_does_not_end_by_itself_is_ended_with_all_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_engine.bench.children.GRACE_S", 0.3)
    child = Child(python(PARENT))
    grandchild = psutil.Process(child.ask({}, 20)["pid"])
    child.close()
    _, alive = psutil.wait_procs([grandchild], 5)
    assert alive == []


def test_closing_from_another_thread_wakes_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_engine.bench.children.GRACE_S", 0.3)
    with Children() as children:
        child = children.start(python(STUBBORN))
        assert child.ask({}, 20) == {"ready": 1}
        threading.Timer(0.2, children.close).start()
        began = time.monotonic()
        with pytest.raises(ChildEnded):
            child.ask({}, 20)
        assert time.monotonic() - began < 10
        with pytest.raises(Cancelled):
            children.check()
        with pytest.raises(Cancelled):
            children.start(python(ECHO))
