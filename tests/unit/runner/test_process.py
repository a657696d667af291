"""The runner as a process: its life from hello to the end of stdin, and how it ends when things go wrong."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import psutil
import pytest

from spark_engine.backends.registry import _MODULES
from spark_engine.protocol import PROTOCOL_VERSION
from spark_engine.protocol.messages import (
    Events,
    Hello,
    Load,
    Loaded,
    LoadPlan,
    LoadProgress,
    LoadRefused,
    SequenceAdmitted,
    SequenceDelta,
    SequenceFailed,
    SequenceFinished,
    SequenceStarted,
)
from spark_engine.runner.main import EXIT_BROKEN
from spark_engine.runner.pipe import EXIT_BAD_FRAME
from spark_engine.types.models import ModelFormat
from tests.support.decoders import onnx_folder
from tests.support.runner_process import RunnerProcess, runner_process

ECHO = LoadPlan("echo:plain", "echo", "")
SLOW = LoadPlan("echo:slow", "echo", "?delay_ms=20")


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerProcess]:
    with runner_process(tmp_path) as started:
        hello = started.receive()
        assert isinstance(hello, Hello)
        yield started


def ends_within(runner: RunnerProcess, seconds: float) -> int:
    started = time.monotonic()
    status = runner.process.wait(30)
    assert time.monotonic() - started < seconds
    return status


def test_greets_loads_and_answers(tmp_path: Path) -> None:
    with runner_process(tmp_path) as runner:
        assert runner.receive() == Hello(PROTOCOL_VERSION, runner.process.pid)
        runner.send(Load(ECHO))
        progress = []
        while isinstance(message := runner.receive(), LoadProgress):
            progress.append(message.fraction)
        assert progress == sorted(progress)
        assert progress[-1] == 1.0
        assert isinstance(message, Loaded)
        assert (message.device, message.context, message.slots) == ("echo", 4096, 8)
        assert message.memory_bytes > 1_000_000
        runner.submit("a", "Grüße 🙂")
        text = ""
        for event in runner.events():
            if isinstance(event, SequenceDelta):
                text += event.text
            elif isinstance(event, SequenceFinished):
                break
            else:
                started = SequenceStarted("a", 3 + len("Grüße 🙂".encode()))
                assert event in (started, SequenceAdmitted("a", 0))
        assert (text, event.reason) == ("Grüße 🙂", "stop")
        assert runner.stderr == ""


def test_statistics_come_at_most_once_a_second_and_when_the_last_one_ends(runner: RunnerProcess) -> None:
    runner.load(SLOW)
    runner.submit("a", "x" * 120)
    told = [runner.stats()]
    began = time.monotonic()
    while told[-1].running:
        told.append(runner.stats())
    assert len(told) <= 3 + (time.monotonic() - began)
    assert (told[-1].running, told[-1].waiting) == (0, 0)
    assert 0 < told[-1].kv_bytes <= told[-1].kv_limit_bytes, "what was computed stays for the next one"
    assert told[-1].decoded_tokens == 120


def test_the_end_of_stdin_ends_it_at_once(runner: RunnerProcess) -> None:
    runner.load(ECHO)
    runner.close_stdin()
    assert ends_within(runner, 1.0) == 0
    assert runner.stderr == ""


@pytest.mark.parametrize("path", ["?delay_ms=30000", "?load_ms=30000"])
def test_the_end_of_stdin_ends_it_within_a_long_call(runner: RunnerProcess, path: str) -> None:
    plan = LoadPlan("echo:stuck", "echo", path)
    if "delay" in path:
        runner.load(plan)
        runner.submit("a")
    else:
        runner.send(Load(plan))
    time.sleep(0.3)
    runner.close_stdin()
    assert ends_within(runner, 1.0) == 0


def test_the_end_of_stdin_before_anything_ends_it(tmp_path: Path) -> None:
    with runner_process(tmp_path) as runner:
        runner.close_stdin()
        assert ends_within(runner, 5.0) == 0


@pytest.mark.parametrize(
    "garbage", [b"\x05\x00\x00\x00hello", b"\xff\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_garbage_ends_it_with_a_clear_reason(runner: RunnerProcess, garbage: bytes) -> None:
    runner.send_raw(garbage)
    assert ends_within(runner, 5.0) == EXIT_BAD_FRAME
    assert "no message of this runner" in runner.stderr
    assert "Traceback" not in runner.stderr


def test_anything_but_load_first_ends_it(runner: RunnerProcess) -> None:
    runner.submit("a")
    assert ends_within(runner, 5.0) != 0
    assert "expected load first" in runner.stderr


def test_half_a_frame_then_the_end_is_the_end(runner: RunnerProcess) -> None:
    runner.send_raw(b"\x10\x00\x00\x00abc")
    runner.close_stdin()
    assert ends_within(runner, 5.0) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_an_interrupt_from_the_terminal_is_the_engines_business(runner: RunnerProcess) -> None:
    runner.load(ECHO)
    os.kill(runner.process.pid, signal.SIGINT)
    time.sleep(0.1)
    runner.submit("a")
    assert any(isinstance(event, SequenceFinished) for event in runner.events_until("a"))


def test_a_killed_runner_is_seen_as_the_end_of_its_messages(runner: RunnerProcess) -> None:
    runner.load(SLOW)
    runner.submit("a", "x" * 1000)
    for event in runner.events():
        if isinstance(event, SequenceDelta):
            runner.process.kill()
            break
    while runner.receive() is not None:
        pass
    assert runner.process.wait(5) != 0


def test_a_cancel_takes_effect_within_one_step(runner: RunnerProcess) -> None:
    runner.load(SLOW)
    runner.submit("a", "x" * 1000)
    deltas = 0
    for event in runner.events():
        deltas += isinstance(event, SequenceDelta)
        if deltas == 3:
            runner.cancel("a")
            deltas = 100
        if isinstance(event, SequenceFinished):
            break
    assert event.reason == "cancelled"
    assert deltas <= 102


def test_refusals_name_field_and_counts(runner: RunnerProcess) -> None:
    runner.load(LoadPlan("echo:small", "echo", "", context=64))
    cases = {
        "long": ("x" * 80, None, "The prompt has 83 tokens; this model's context holds 64."),
        "asks": ("x" * 20, 60, "The prompt has 23 tokens and 60 tokens of answer were asked for"),
    }
    for id, (text, max_tokens, sentence) in cases.items():
        runner.submit(id, text, max_tokens=max_tokens)
        event = next(runner.events())
        assert isinstance(event, SequenceFailed)
        assert (event.id, event.status, event.param) == (id, 400, "messages")
        assert event.code == "context_length_exceeded"
        assert sentence in event.message
    runner.submit("fits", "x" * 20, max_tokens=41)
    assert next(runner.events()) == SequenceStarted("fits", 23)


def test_no_answer_asked_for_is_an_answer_without_tokens(runner: RunnerProcess) -> None:
    runner.load(ECHO)
    runner.submit("none", max_tokens=0)
    started, finished = runner.events_until("none")
    assert isinstance(started, SequenceStarted)
    assert isinstance(finished, SequenceFinished)
    assert (finished.reason, finished.completion_tokens) == ("length", 0)


def test_a_step_sends_one_frame(runner: RunnerProcess) -> None:
    runner.load(SLOW)
    for name in "abcd":
        runner.submit(name, "hello world")
    ended, frames, tokens = 0, 0, 0
    while ended < 4:
        message = runner.receive()
        if isinstance(message, Events):
            frames += 1
            tokens += sum(isinstance(event, SequenceDelta) for event in message.events)
            ended += sum(isinstance(event, SequenceFinished) for event in message.events)
    assert tokens >= 44
    assert frames <= 4 + 16


def test_text_of_quick_steps_travels_together(runner: RunnerProcess) -> None:
    runner.load(ECHO)
    runner.submit("a", "hello " * 100)
    frames, tokens, ended = 0, 0, False
    while not ended:
        message = runner.receive()
        if isinstance(message, Events):
            frames += 1
            tokens += sum(isinstance(event, SequenceDelta) for event in message.events)
            ended = any(isinstance(event, SequenceFinished) for event in message.events)
    assert tokens >= 600
    assert frames < tokens / 5


def test_a_load_that_fails_says_why_and_ends(runner: RunnerProcess) -> None:
    refused = runner.load(LoadPlan("x:y", "onnx", "/nowhere/at/all"))
    assert isinstance(refused, LoadRefused)
    assert refused.remedy
    assert ends_within(runner, 5.0) != 0


@pytest.mark.parametrize("model_format", ["onnx", "gguf"])
def test_a_model_that_is_not_there_is_refused_with_a_way_out(
    runner: RunnerProcess, model_format: ModelFormat
) -> None:
    refused = runner.load(LoadPlan("x:y", model_format, "no/such/model"))
    assert isinstance(refused, LoadRefused)
    assert refused.code not in ("", "internal_error")
    assert refused.message
    assert refused.remedy


def test_every_format_has_a_backend() -> None:
    assert set(_MODULES) == set(get_args(ModelFormat))


def test_an_id_that_runs_already_is_refused(runner: RunnerProcess) -> None:
    runner.load(SLOW)
    runner.submit("a", "x" * 20)
    runner.submit("a", "y" * 20)
    events = list(runner.events_until("a"))
    assert isinstance(events[-1], SequenceFailed)
    assert (events[-1].code, events[-1].status) == ("duplicate_id", 409)
    rest = runner.events_until("a")
    assert isinstance(rest[-1], SequenceFinished)
    assert "".join(e.text for e in [*events, *rest] if isinstance(e, SequenceDelta)) == "x" * 20


def test_a_model_that_keeps_failing_ends_the_runner_with_evidence(tmp_path: Path) -> None:
    code = (
        "from spark_engine.runner.main import main\n"
        "import spark_engine.backends.echo as echo\n"
        "def broken(self, entry): raise RuntimeError('the library fell over')\n"
        "echo.EchoDecoder._run = broken\n"
        "main()\n"
    )
    with runner_process(tmp_path, [sys.executable, "-c", code]) as runner:
        runner.load(ECHO)
        for name in ("a", "b"):
            runner.submit(name)
            failed = runner.events_until(name)[-1]
            assert isinstance(failed, SequenceFailed)
            assert failed.code == "step_failed"
        runner.submit("c")
        assert ends_within(runner, 5.0) == EXIT_BROKEN
        assert "the library fell over" in runner.stderr
        assert "the runner cannot go on" in runner.stderr


def test_libraries_cannot_write_into_the_protocol(tmp_path: Path) -> None:
    code = (
        "import os, sys, threading\n"
        "from spark_engine.runner.main import main\n"
        "import spark_engine.backends.echo as echo\n"
        "real = echo.EchoDecoder._run\n"
        "def loud(self, entry):\n"
        "    os.write(1, b'native noise'); print('python noise', flush=True); assert sys.stdin.read() == ''\n"
        "    return real(self, entry)\n"
        "echo.EchoDecoder._run = loud\n"
        "main()\n"
    )
    with runner_process(tmp_path, [sys.executable, "-c", code]) as runner:
        runner.load(ECHO)
        runner.submit("a")
        assert isinstance(runner.events_until("a")[-1], SequenceFinished)
        assert "native noise" in runner.stderr
        assert "python noise" in runner.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="process times are coarse there")
@pytest.mark.parametrize("model_format", ["echo", "onnx"])
def test_an_idle_runner_uses_no_processor(runner: RunnerProcess, model_format: str) -> None:
    path = str(onnx_folder()) if model_format == "onnx" else ""
    assert isinstance(runner.load(LoadPlan("x:y", model_format, path)), Loaded)  # type: ignore[arg-type]
    runner.submit("a", max_tokens=8)
    runner.events_until("a")
    time.sleep(0.5)
    process = psutil.Process(runner.process.pid)
    before = process.cpu_times()
    time.sleep(1.0)
    after = process.cpu_times()
    assert (after.user + after.system) - (before.user + before.system) <= 0.02
