"""A conversation as a person has it, in a real terminal: answers, Ctrl+C, /new, /exit, and an engine that is gone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from spark_engine.types.models import Ready
from spark_engine.types.requests import is_active
from tests.support.served import Served, end, serve, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
SLOW = "echo:slow"


class Typed:
    """A program in a terminal of its own: type into it, see what it shows."""

    def __init__(self, *arguments: str, base: Path) -> None:
        import pty

        self._handle, theirs = pty.openpty()
        environ = {**os.environ, "SPARK_HOME": str(base), "TERM": "xterm", "COLUMNS": "100"}
        command = [sys.executable, "-m", "spark_engine", *arguments]
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, process_group=0
        )
        os.close(theirs)
        os.set_blocking(self._handle, False)
        self.shown = ""

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._handle, f"{text}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl+C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def until(self, text: str, times: int = 1) -> str:
        """What was shown, once `text` is in it so many times."""
        wait_until(lambda: self._read().count(text) >= times, 20, f"{text!r} is shown", lambda: self.shown)
        return self.shown

    def ended(self) -> int:
        """The exit status."""
        wait_until(
            lambda: self._read() is not None and self.process.poll() is not None, 20, "the program ended"
        )
        return self.process.returncode

    def close(self) -> None:
        """End the program and its terminal."""
        end(self.process)
        os.close(self._handle)

    def _read(self) -> str:
        with suppress(OSError):
            self.shown += os.read(self._handle, 65536).decode(errors="replace")
        return self.shown


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("talk"), models_preload="false", models_default=SLOW) as served:
        served.control(f"models/{SLOW}/load")
        served.wait_status(SLOW, Ready)
        yield served


@pytest.fixture
def talk(served: Served) -> Iterator[Typed]:
    typed = Typed("chat", base=served.base.root)
    yield typed
    typed.close()


def test_answers_with_figures_until_exit(talk: Typed) -> None:
    talk.until("You are talking to echo:slow")
    talk.type("good morning")
    talk.until("tok/s")
    assert "good morning\r\n" in talk.shown.partition("good morning")[2]
    assert "first token after" in talk.shown
    talk.type("/exit")
    assert talk.ended() == 0


def test_ctrl_c_stops_the_answer_not_the_program(talk: Typed, served: Served) -> None:
    talk.until("You are talking to")
    talk.type("word " * 200)
    talk.until("word", times=210)
    talk.interrupt()
    talk.until("Stopped.")
    wait_until(
        lambda: not any(is_active(r) for r in served.state().requests.values()), 2, "the model stopped"
    )
    talk.type("and now")
    talk.until("tok/s")
    talk.type("/exit")
    assert talk.ended() == 0


def test_ctrl_c_at_the_prompt_explains_itself(talk: Typed) -> None:
    talk.until("/exit leaves")
    time.sleep(0.2)
    talk.interrupt()
    talk.until("/exit leaves", times=2)
    talk.type("/exit")
    assert talk.ended() == 0


def test_the_end_of_input_leaves(talk: Typed) -> None:
    talk.until("You are talking to")
    time.sleep(0.2)
    talk.type("\x04")
    assert talk.ended() == 0


def test_history_is_sent_and_forgotten(talk: Typed, served: Served) -> None:
    talk.until("You are talking to")
    counts = []
    for number, line in enumerate(("one two three", "four", "/new", "five"), 1):
        talk.type(line)
        if line == "/new":
            talk.until("Forgotten.")
            continue
        talk.until("tok/s", times=number - (number > 3))
        counts.append(list(served.state().requests.values())[-1].usage.prompt_tokens)
    assert counts[1] > counts[0]
    assert counts[2] < counts[1]


def test_a_conversation_that_outgrows_the_context_goes_on_and_says_so(tmp_path: Path) -> None:
    with serve(tmp_path, models_preload="false", models_default="echo:plain", models_context="256") as served:
        talk = Typed("chat", base=tmp_path)
        talk.until("You are talking to")
        for number in range(1, 4):
            talk.type(f"{number} " + "word " * 12)
            talk.until("tok/s", times=number)
        assert "left out: the oldest 4 messages, " in talk.shown
        usage = list(served.state().requests.values())[-1].usage
        assert usage.prompt_tokens <= 256 - 64
        talk.type("x" * 400)
        talk.until("The prompt is too long")
        talk.type("hello again")
        talk.until("tok/s", times=4)
        talk.type("/exit")
        assert talk.ended() == 0
        talk.close()


def test_an_engine_that_is_gone_does_not_end_the_conversation(tmp_path: Path) -> None:
    with serve(tmp_path, models_preload="false", models_default=SLOW) as served:
        talk = Typed("chat", base=tmp_path)
        talk.until("You are talking to")
        end(served.process)
        talk.type("anybody there")
        talk.until("Spark is not running")
        talk.type("/exit")
        assert talk.ended() == 0
        assert "Traceback" not in talk.shown
        talk.close()


def test_without_an_engine_there_is_no_prompt(tmp_path: Path) -> None:
    talk = Typed("chat", base=tmp_path)
    assert talk.ended() == 1
    assert "spark serve" in talk.until("Spark is not running")
    assert "›" not in talk.shown
    talk.close()


def test_escape_sequences_in_an_answer_do_not_reach_the_terminal(served: Served) -> None:
    talk = Typed("chat", "red\x1b[31m\x1b]0;title\x07", base=served.base.root)
    talk.until("tok/s")
    assert talk.ended() == 0
    assert "red[31m]0;title" in talk.shown
    assert "\x1b[31m" not in talk.shown
    talk.close()
