"""What of a process's last words is kept: places and records from real faults; nobody's text, however it looks."""

import subprocess
import sys
from pathlib import Path

import pytest

from spark_engine.life.safe_lines import fault_kind, places, safe_lines

SECRET = "my secret question"
FAULTY = f"""
import faulthandler, os, signal, sys, threading, time, logging
from spark_engine import logs
logs.setup("runner", None)
faulthandler.enable()
threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
time.sleep(0.1)
def answer(how):
    print({SECRET!r}, file=sys.stderr)
    print("  File \\"{SECRET}\\", line 1, in secret", file=sys.stderr)
    logging.getLogger("spark_engine.runner").warning("token=abc123 and a warning of Spark's own")
    sys.stderr.flush()
    if how == "raise":
        try:
            raise ValueError({SECRET!r})
        except ValueError:
            logging.getLogger("spark_engine.runner").critical("cannot go on", exc_info=True)
        raise KeyError({SECRET!r})
    faulthandler._sigsegv() if how == "fault" else os.abort()
answer(sys.argv[1])
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="faults have other names there")


def last_words(tmp_path: Path, how: str) -> list[str]:
    script = tmp_path / "faulty.py"
    script.write_text(FAULTY)
    done = subprocess.run([sys.executable, script, how], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode != 0
    assert SECRET in done.stderr
    return done.stderr.splitlines()


@posix
@pytest.mark.parametrize(
    ("how", "kind"), [("fault", "Segmentation fault"), ("abort", "Aborted"), ("raise", "")]
)
def test_the_end_of_a_real_process(tmp_path: Path, how: str, kind: str) -> None:
    words = last_words(tmp_path, how)
    kept = "\n".join(safe_lines(words))
    assert "secret" not in kept
    assert "abc123" not in kept
    assert "a warning of Spark's own" in kept
    assert "2 lines left out" in kept
    assert fault_kind(words) == kind
    assert kept.count("in answer") == (2 if how == "raise" else 1)
    if kind:
        assert places(words)[0].startswith("faulty.py:")
        assert places(words)[0].endswith(" answer")
        assert "Thread 0x" in kept
    else:
        assert kept.count("ValueError (its message is left out)") == 1
        assert kept.count("KeyError (its message is left out)") == 1


@pytest.mark.parametrize(
    "line",
    [
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "/src/ggml/src/ggml.c:1234: GGML_ASSERT(a->ne[0] == b->ne[0]) failed",
        "free(): invalid pointer",
        "*** stack smashing detected ***: terminated",
        "CUDA error: an illegal memory access was encountered",
        "Windows fatal exception: access violation",
        "Extension modules: numpy.core._multiarray_umath, onnxruntime (total: 2)",
    ],
)
def test_what_only_libraries_say_when_they_die_is_kept(line: str) -> None:
    assert safe_lines([line]) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "  what():  the prompt was: hello",
        "KeyError: 'hello'",
        "HelloError",
        "[I] tokens: hello",
        "CUDA error: HELLO 1",
        '  File "hello.py", line 1, in hello',
        "    hello = 1",
        "Fatal Python error: hello-1",
    ],
)
def test_anything_else_is_counted_and_left_out(line: str) -> None:
    assert safe_lines([line, "", line]) == ["[2 lines left out: not Spark's own]"]
