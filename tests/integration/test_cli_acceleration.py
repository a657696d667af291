"""`spark acceleration` and the client against a real engine in a process of its own, with real runners."""

import io
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

import httpx
import pytest

from spark_engine.main import main
from tests.support.served import Served, serve

NANO = "spark-nano:onnx-int4"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(
        tmp_path_factory.mktemp("acceleration"), models_preload="false", models_default=NANO
    ) as served:
        yield served


def spark(served: Served, *arguments: str) -> "subprocess.CompletedProcess[str]":
    out, err = io.StringIO(), io.StringIO()
    environ = {"SPARK_HOME": str(served.base.root)}
    with mock.patch.dict(os.environ, environ), redirect_stdout(out), redirect_stderr(err):
        status = main(["acceleration", *arguments])
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def as_json(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def device(served: Served) -> str:
    answer = served.ask("hello", NANO, max_tokens=4)
    served_by: Any = answer["spark"]
    return str(served_by["device"])


def test_the_list_says_what_is_here_and_why_the_rest_is_not(served: Served) -> None:
    done = spark(served, "list")
    assert done.returncode == 0
    assert "ONNX" in done.stdout and "CPU, 1 thread" in done.stdout and "not checked" in done.stdout
    assert "--all shows them" in done.stderr and "ROCm" not in done.stdout
    done = spark(served, "list", "--all")
    assert "ROCm" in done.stdout and "a Mac with Apple silicon" in done.stderr
    told = as_json(spark(served, "list", "--json"))
    assert set(told) == {"onnx", "gguf", "torch"}


def test_a_change_holds_for_the_next_answer_and_over_a_restart_of_the_list(served: Served) -> None:
    assert device(served) == "CPU"
    done = spark(served, "use", "onnx", "cpu-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ONNX models run on: CPU, 1 thread." in done.stdout
    assert device(served) == "CPU, 1 thread"
    entry = as_json(spark(served, "use", "onnx", "auto", "--json"))
    assert (entry["wish"], entry["chosen"], entry["switching"]) == ("auto", "cpu", None)
    assert device(served) == "CPU"


def test_checking_tells_what_came_of_it(served: Served) -> None:
    done = spark(served, "verify", "onnx", "cpu")
    assert done.returncode == 0, done.stderr
    assert "onnx CPU: " in done.stdout and "knows by heart" in done.stdout
    (told,) = as_json(spark(served, "verify", "onnx", "cpu-1", "--json"))
    assert (told["backend"], told["choice"]["check"]["verdict"]) == ("onnx", "right")


def test_mistakes_are_told(served: Served) -> None:
    done = spark(served, "use", "onnx", "abacus")
    assert done.returncode == 1 and "No such choice" in done.stderr
    done = spark(served, "use", "onnx", "auto", "--strict")
    assert done.returncode == 1 and "The CPU is not to be used" in done.stderr
    done = spark(served, "verify", "gguf", "cuda")
    assert done.returncode == 1 and "cannot be used here" in done.stderr
    told = json.loads(spark(served, "verify", "abacus", "--json").stdout)
    assert told["error"]["param"] == "backend"


def test_the_routes_are_documented(served: Served) -> None:
    paths = httpx.get(f"{served.address}/openapi.json").json()["paths"]
    assert {f"/spark/v1/acceleration{end}" for end in ("", "/select", "/verify")} <= set(paths)
