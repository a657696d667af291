"""Every command against a real engine: text and JSON, also when it fails."""

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from spark_engine.main import main
from spark_engine.types.models import Ready, Unloaded
from tests.support.served import Served, serve, wait_until

ECHO, SLOW = "echo:plain", "echo:slow"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("cli"), models_preload="false", models_default=ECHO) as served:
        yield served


def spark(base: Path, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in this process: starting Python for each would take most of the time."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"SPARK_HOME": str(base), **environ}),
        tempfile.TemporaryFile("w+") as text,
        mock.patch.object(sys, "stdin", text),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        text.write(stdin)
        text.seek(0)
        status = main(list(arguments))
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that worked printed."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def as_json(done: subprocess.CompletedProcess[str]) -> Any:
    """The one line of JSON of a command that worked."""
    lines = said(done).splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The code of the error that a command told with --json."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    code: str = json.loads(done.stdout)["error"]["code"]
    return code


def test_as_its_own_process(served: Served) -> None:
    command = [sys.executable, "-m", "spark_engine", "status", "--json", "--base-dir", str(served.base.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert as_json(done)["state"]["engine"]["pid"] == served.process.pid


def test_status(served: Served) -> None:
    root = served.base.root
    text = said(spark(root, "status"))
    assert text.startswith("● Spark is ready")
    assert served.address in text
    told = as_json(spark(root, "status", "--json"))
    assert told["state"]["engine"]["pid"] == served.process.pid
    assert told["health"]["ready"] is True


def test_the_base_directory_can_stand_before_or_after_the_command(served: Served, tmp_path: Path) -> None:
    root = str(served.base.root)
    for arguments in (["--base-dir", root, "status"], ["status", "--base-dir", root]):
        assert served.address in said(spark(tmp_path, *arguments))


def test_models_list_and_show(served: Served) -> None:
    root = served.base.root
    text = said(spark(root, "models", "list"))
    assert "spark-nano:onnx-int4" in text
    assert [line.split()[0] for line in text.splitlines() if "answers as `auto`" in line] == [ECHO]
    told = as_json(spark(root, "models", "list", "--json"))
    assert told["default"] == ECHO
    assert "Says what it is told." in said(spark(root, "models", "show", "echo"))
    assert as_json(spark(root, "models", "show", "auto", "--json"))["id"] == "echo"
    assert refused(spark(root, "models", "show", "echo:nothing", "--json")) == "model_not_found"


def test_load_waits_and_unload_too(served: Served) -> None:
    root = served.base.root
    assert f"{ECHO} is ready on" in said(spark(root, "models", "load", "auto"))
    assert isinstance(served.status(ECHO), Ready)
    assert as_json(spark(root, "models", "load", ECHO, "--json"))["status"]["type"] == "ready"
    assert "no longer in memory" in said(spark(root, "models", "unload", ECHO))
    assert isinstance(served.status(ECHO), Unloaded)
    assert as_json(spark(root, "models", "unload", ECHO, "--json"))["status"]["type"] == "unloaded"


def test_load_without_waiting(served: Served) -> None:
    told = as_json(spark(served.base.root, "models", "load", SLOW, "--no-wait", "--json"))
    assert told == {"id": SLOW, "accepted": True}
    served.wait_status(SLOW, Ready)


def test_scan_finds_a_new_card(served: Served) -> None:
    card = served.base.root / "model_cards" / "second.toml"
    card.write_text((card.parent / "echo.toml").read_text().replace('id = "echo"', 'id = "second"'))
    assert "second:plain" in said(spark(served.base.root, "models", "scan"))
    card.unlink()
    told = as_json(spark(served.base.root, "models", "scan", "--json"))
    assert "second" not in [m["id"] for m in told["models"]]


def test_chat_with_a_prompt_a_pipe_or_both(served: Served) -> None:
    root = served.base.root
    assert said(spark(root, "chat", "Hello there", "-m", ECHO)) == "Hello there\n"
    assert said(spark(root, "chat", stdin="from a pipe\n")) == "from a pipe\n"
    assert said(spark(root, "chat", "First:", stdin="second")) == "First:\n\nsecond\n"


def test_chat_options_and_json(served: Served) -> None:
    told = as_json(spark(served.base.root, "chat", "one two three four", "--max-tokens", "2", "--json"))
    assert told["finish_reason"] == "length"
    assert told["usage"]["completion_tokens"] == 2
    assert told["model"] == ECHO
    assert told["timings"]["first_token_ms"] > 0
    assert "one two three four".startswith(told["answer"])


def test_chat_refusals(served: Served) -> None:
    root = served.base.root
    assert refused(spark(root, "chat", "hi", "-m", "nobody", "--json")) == "model_not_found"
    assert refused(spark(root, "chat", "--json")) == "prompt_missing"
    assert refused(spark(root, "chat", "word " * 5000, "--json")) == "context_length_exceeded"
    done = spark(root, "chat", "hi", "-m", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "spark models list" in done.stderr


def test_the_runner_dies_in_the_middle_of_an_answer(served: Served) -> None:
    root = served.base.root
    served.control(f"models/{SLOW}/load")
    ready = served.wait_status(SLOW, Ready)
    assert isinstance(ready, Ready)
    command = [
        sys.executable,
        "-m",
        "spark_engine",
        "chat",
        "word " * 300,
        "-m",
        SLOW,
        "--base-dir",
        str(root),
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True) as chat:
        assert chat.stdout is not None
        assert chat.stdout.read(4) == "word"
        os.kill(ready.pid, 9)
        out, err = chat.communicate(timeout=30)
    assert chat.returncode == 1
    assert out.endswith("\n")
    assert err.startswith("✖")
    assert "Traceback" not in err


def test_backends(served: Served) -> None:
    root = served.base.root
    assert "ONNX Runtime" in said(spark(root, "backends", "list"))
    ids = [b["id"] for b in as_json(spark(root, "backends", "list", "--json"))]
    assert ids == ["onnx", "gguf", "torch", "genai", "convert"]
    assert refused(spark(root, "backends", "install", "nothing", "--json")) == "component_not_found"
    assert refused(spark(root, "backends", "remove", "onnx", "--json")) == "component_needed"


def test_doctor(served: Served) -> None:
    done = spark(served.base.root, "doctor")
    assert done.returncode == 0
    assert "✖" not in done.stdout
    told = as_json(spark(served.base.root, "doctor", "--json"))
    verdicts = {f["subject"]: f["verdict"] for f in told["findings"]}
    assert (told["ok"], verdicts["Engine"], verdicts["Backend onnx"]) == (True, "ok", "ok")


def test_config(tmp_path: Path) -> None:
    (tmp_path / "spark.toml").write_text("[queue]\nmax_waiting = 7\n")
    told = as_json(spark(tmp_path, "config", "show", "--json", SPARK_SERVER_PORT="9001"))
    assert (told["queue.max_waiting"]["value"], told["queue.max_waiting"]["origin"]) == (7, "file")
    assert (told["server.port"]["value"], told["server.port"]["origin"]) == (9001, "environment")
    rows = {
        line.split()[0]: line for line in said(spark(tmp_path, "config", "show", "--origin")).splitlines()
    }
    assert str(tmp_path / "spark.toml") in rows["queue.max_waiting"]
    assert "default" in rows["server.port"]
    sample = spark(tmp_path, "config", "sample")
    assert "# port = 8910" in sample.stdout
    assert str(tmp_path / "spark.toml") in sample.stderr
    (tmp_path / "spark.toml").write_text("[queue]\nmax_waitin = 7\n")
    assert refused(spark(tmp_path, "config", "show", "--json")) == "bad_setting"


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["models", "list"], ["models", "load", "x"], ["chat", "hi"], ["backends", "list"]],
    ids=" ".join,
)
def test_without_an_engine_the_remedy_is_named(arguments: list[str], tmp_path: Path) -> None:
    done = spark(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert "spark serve" in done.stderr
    assert refused(spark(tmp_path, *arguments, "--json")) == "engine_unreachable"


def test_doctor_without_an_engine(tmp_path: Path, free_port: int) -> None:
    told = as_json(spark(tmp_path, "doctor", "--json", SPARK_SERVER_PORT=str(free_port)))
    verdicts = {f["subject"]: f["verdict"] for f in told["findings"]}
    assert (verdicts["Engine"], verdicts["Port"]) == ("warn", "ok")


def test_doctor_says_who_holds_the_port(served: Served, tmp_path: Path) -> None:
    port = served.address.rpartition(":")[2]
    done = spark(tmp_path, "doctor", SPARK_SERVER_PORT=port)
    assert done.returncode == 1
    assert f"{port} is held by" in done.stdout


def test_a_reader_that_leaves_early_is_no_error(served: Served) -> None:
    command = [sys.executable, "-m", "spark_engine", "chat", "word " * 100, "-m", SLOW]
    environ = {**os.environ, "SPARK_HOME": str(served.base.root)}
    with subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1) as chat:
        assert chat.stdout is not None
        chat.stdout.read(4)
        chat.stdout.close()
        assert chat.stderr is not None
        wait_until(lambda: chat.poll() is not None, 10, "the command ended")
        assert chat.stderr.read() == b""
