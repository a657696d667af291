"""Who takes part in which race, and with which Python."""

import sys

import pytest

from spark_engine.bench.field import FIELD, IDS, entries, interpreter, missing_library
from spark_engine.types.models import ModelFormat

ELSEWHERE = "/some/other/python"


def entry(id: str):
    return next(e for e in FIELD if e.id == id)


def ids(model_format: ModelFormat, *wanted: str, synthetic: bool = False) -> list[str]:
    return [e.id for e in entries(model_format, wanted, synthetic=synthetic)]


def test_names_are_unique_and_programs_exist() -> None:
    assert len(set(IDS)) == len(IDS)
    from importlib.util import find_spec

    assert all(find_spec(f"spark_engine.bench.contestants.{e.program}") for e in FIELD)


def test_other_engines_only_where_the_format_fits() -> None:
    assert ids("onnx") == [
        "spark", "runner", "bare", "og-generator", "og-generator-default", "og-engine",
    ]  # fmt: skip
    assert ids("gguf") == ["spark", "runner", "bare", "llama-cpp", "xllamacpp"]
    assert ids("safetensors") == ["spark", "runner", "bare", "transformers"]


def test_transformers_has_no_file_of_a_synthetic_model_and_runs_beside_its_onnx() -> None:
    assert "transformers" in ids("onnx", synthetic=True)
    assert "transformers" not in ids("gguf", synthetic=True)


def test_only_those_that_are_wanted() -> None:
    assert ids("onnx", "bare", "xllamacpp") == ["bare"]


def test_spark_runs_with_its_own_python_and_others_with_theirs_only_when_they_must() -> None:
    assert interpreter(entry("spark"), sys.executable, ELSEWHERE) == sys.executable
    unheard_of = type(entry("spark"))("x", "X", "x", ("onnx",), "unheard_of_library")
    assert interpreter(unheard_of, sys.executable, ELSEWHERE) == ELSEWHERE
    assert interpreter(unheard_of, sys.executable, "") == sys.executable
    installed = type(unheard_of)("x", "X", "x", ("onnx",), "json")
    assert interpreter(installed, sys.executable, ELSEWHERE) == sys.executable


def test_a_missing_library_is_known_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_engine.bench.field.find_spec", lambda name: None)
    assert missing_library(entry("spark"), "gguf", "") == "llama_cpp"
    assert missing_library(entry("spark"), "gguf", ELSEWHERE) == "llama_cpp"
    assert missing_library(entry("xllamacpp"), "gguf", "") == "xllamacpp"
    assert missing_library(entry("xllamacpp"), "gguf", ELSEWHERE) == ""
