"""The sentence when a library of the benchmark is missing names what to install, with the project's pins."""

import pytest

from spark_engine.bench import libraries


@pytest.fixture(autouse=True)
def _pins(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [
        'gguf==0.19.0; extra == "bench"',
        'onnx-ir==1.1.0; extra == "bench"',
        'numpy==2.4.6; extra == "onnx"',
    ]
    monkeypatch.setattr(libraries.metadata, "requires", lambda name: known)


def test_pins_by_module() -> None:
    assert libraries.pinned(["gguf", "onnx_ir", "unpinned"]) == ["gguf==0.19.0", "onnx-ir==1.1.0", "unpinned"]


def test_the_refusal_names_the_command() -> None:
    error = libraries.missing_for("make the model", ["gguf", "onnx_ir", "llama_cpp"], "/venv/bin/python")
    assert error.message == "To make the model, gguf, onnx-ir and llama-cpp-python must be installed."
    assert error.remedy == "Run: /venv/bin/python -m pip install gguf==0.19.0 onnx-ir==1.1.0 llama-cpp-python"


def test_one_library_is_one_word() -> None:
    assert libraries.missing_for("x", ["gguf"], "python").message == "To x, gguf must be installed."
