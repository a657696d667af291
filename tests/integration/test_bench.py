"""`spark bench` for real: spark-nano over HTTP, pipe and bare; files compared; cancelled without a trace left."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from spark_engine.bench.synthesis.__main__ import NEEDED
from tests.support.served import children, wait_until

ONNX = "spark-nano:onnx-int4"
OURS = {"spark", "runner", "bare"}
SHORT = ("--rounds", "1", "--tokens", "24")
has_the_extra = pytest.mark.skipif(
    bool([name for name in NEEDED if not find_spec(name)]), reason="the bench extra is not installed"
)
pytestmark = pytest.mark.timeout(400)


def command(base: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "spark_engine", "bench", "--base-dir", str(base), *arguments]


def bench(base: Path, *arguments: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(base, *arguments), capture_output=True, text=True, timeout=timeout_s, check=False
    )


def as_report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_spark_alone_at_one_and_several_streams(tmp_path: Path) -> None:
    report = as_report(bench(tmp_path, "--model", ONNX, "--streams", "1,3", *SHORT, "--json", "-"))
    (group,) = report["groups"]
    assert group["id"] == ONNX
    rows = {(row["contestant"], row["streams"]): row for row in group["measured"]}
    assert {(id, n) for id in OURS for n in (1, 3)} <= set(rows)
    for row in rows.values():
        assert row["tokens_per_second"]["median"] > 1
        assert 0 < row["gap_ms"]["median"] <= row["worst_gap_ms"]["median"]
        assert row["first_token_ms"]["median"] > 0
        assert row["memory_bytes"] > 20e6
    assert rows["spark", 1]["vs_spark"] == 1.0
    assert rows["spark", 1]["memory_bytes"] > rows["runner", 1]["memory_bytes"], "the engine counts too"
    assert {(o["streams"], o["sampling"] == "greedy") for o in report["overheads"]} == {
        (1, True), (8, True), (1, False), (8, False),
    }  # fmt: skip
    assert all(o["outside_us"]["median"] > 0 for o in report["overheads"])


def test_a_table_for_people_and_a_file_to_compare_with(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    small = ("--model", ONNX, "--streams", "1", "--contestants", "bare", *SHORT)
    first = bench(tmp_path / "home", *small, "--json", str(file))
    assert first.returncode == 0, first.stderr
    assert "Spark's bare decoder" in first.stdout
    again = bench(tmp_path / "home", *small, "--compare", str(file))
    assert again.returncode == 0, again.stderr
    assert "× saved" in again.stdout
    assert not any((tmp_path / "home").glob("models/*")), "nothing is left in the user's folder"


def test_an_engine_that_is_not_installed_is_told_and_no_failure(tmp_path: Path) -> None:
    if find_spec("xllamacpp"):
        pytest.skip("xllamacpp is installed here")
    wanted = (
        "--model",
        "spark-nano:gguf-q8_0",
        "--streams",
        "1",
        "--contestants",
        "xllamacpp",
        "--json",
        "-",
    )
    (group,) = as_report(bench(tmp_path, *wanted, *SHORT))["groups"]
    (absent,) = group["absent"]
    assert (absent["contestant"], absent["reason"]) == ("xllamacpp", "not installed (xllamacpp)")


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    done = bench(tmp_path, "--model", "unheard-of")
    assert done.returncode == 1
    assert "No such model here" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="a script stands for another Python")
def test_without_the_extra_the_refusal_names_the_command(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o700)
    done = bench(tmp_path, "--size", "tiny", "--python", str(bare))
    assert done.returncode == 1
    assert "A library is missing" in done.stderr
    said = " ".join(done.stderr.split())
    assert f"Run: {bare} -m pip install torch" in said
    assert "onnxruntime-genai" in said


@pytest.mark.component("torch")
def test_the_int4_file_predicts_what_the_exact_one_does(tmp_path: Path) -> None:
    report = as_report(bench(tmp_path, "--agreement", "--json", "-"))
    assert report["reference"] == "spark-nano:safetensors"
    found = {one["variant"]: one for one in report["variants"]}
    assert found[ONNX]["positions"] > 100
    assert found[ONNX]["top1"] > 0.9
    assert 0 <= found[ONNX]["kl"] <= found[ONNX]["worst_kl"]
    assert found[ONNX]["kl"] < 0.05


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_cancelled_in_any_way_it_leaves_no_process_and_no_folder(
    number: signal.Signals, tmp_path: Path
) -> None:
    wanted = ("--model", ONNX, "--rounds", "50", "--tokens", "512", "--streams", "8")
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command(tmp_path / "home", *wanted), env=environ, stderr=subprocess.PIPE)
    wait_until(
        lambda: any("runner" in p.cmdline() for p in _alive(children(process.pid))), 120, "a runner works"
    )
    time.sleep(0.5)
    started = children(process.pid)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert b"Traceback" not in said
    wait_until(
        lambda: not _alive(started), 30, "all have ended", lambda: str([p.cmdline() for p in _alive(started)])
    )
    wait_until(lambda: not list(tmp_path.glob("spark-bench-*")), 20, "its folder is gone")
    assert tempfile.gettempdir() != str(tmp_path)


@has_the_extra
def test_cancelled_while_a_model_is_made_nothing_of_it_is_left(tmp_path: Path) -> None:
    process = subprocess.Popen(command(tmp_path, "--size", "tiny"), stderr=subprocess.PIPE)
    wait_until(
        lambda: any("-p" in p.cmdline() for p in _alive(children(process.pid))), 120, "the builder works"
    )
    started = children(process.pid)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert _alive(started) == []
    assert list((tmp_path / "cache" / "bench").iterdir()) == []


@has_the_extra
@pytest.mark.slow
def test_the_tiny_model_from_synthesis_to_table(tmp_path: Path) -> None:
    report = as_report(bench(tmp_path, "--size", "tiny", "--streams", "1,2", *SHORT, "--json", "-"))
    onnx, gguf = report["groups"]
    measured = {row["contestant"] for row in onnx["measured"]}
    assert {*OURS, "og-generator", "og-generator-default", "og-engine", "transformers"} <= measured, onnx[
        "absent"
    ]
    for library, contestant in (("xllamacpp", "xllamacpp"), ("llama_cpp", "llama-cpp")):
        ran = contestant in {row["contestant"] for row in gguf["measured"]}
        assert ran == bool(find_spec(library)), gguf["absent"]
    assert onnx["weight_bytes"] > 0
    assert (tmp_path / "cache" / "bench" / "tiny" / "made.json").is_file()


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
