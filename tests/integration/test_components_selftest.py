"""The self-test with the real libraries and the bundled model, in the child process it is made for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spark_engine.backends.selftest import BUNDLED, NO_MODEL
from spark_engine.paths import resources


def _self_test(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "spark_engine.backends.selftest", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.parametrize(
    "component",
    [
        "onnx",
        pytest.param("gguf", marks=pytest.mark.component("gguf")),
        pytest.param("torch", marks=pytest.mark.component("torch")),
    ],
)
def test_the_bundled_model_runs(component: str):
    done = _self_test(component)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["version"][0].isdigit()
    assert report["build"]
    assert len(report["tokens"]) == 8
    assert report["score"] > -1.0


def test_every_format_generates_the_same_tokens():
    """The formats hold the same weights; where all are installed, they must say the same."""
    said = [
        json.loads(d.stdout.splitlines()[-1])["tokens"]
        for c in BUNDLED
        if (d := _self_test(c)).returncode == 0
    ]
    assert said
    assert all(tokens == said[0] for tokens in said)


def test_a_missing_model_is_told_apart(tmp_path: Path):
    assert _self_test("onnx", "--model", str(tmp_path / "none")).returncode == NO_MODEL


def test_a_damaged_model_fails_with_evidence(tmp_path: Path):
    source = resources() / BUNDLED["onnx"]
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damaged = bytearray((tmp_path / "model.onnx.data").read_bytes())
    damaged[: len(damaged) // 2] = bytes(len(damaged) // 2)
    (tmp_path / "model.onnx.data").write_bytes(damaged)
    done = _self_test("onnx", "--model", str(tmp_path))
    assert done.returncode == 1
    assert "WrongResultError" in done.stderr
