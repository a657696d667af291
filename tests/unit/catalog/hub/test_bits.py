"""How many parameters a file holds, told by its size and its name's quantization."""

import pytest

from spark_engine.catalog.hub.bits import guessed_parameters
from spark_engine.types.models import ModelFormat


@pytest.mark.parametrize(
    ("format", "quantization", "size_bytes", "billions"),
    [
        ("gguf", "Q4_K_M", 2_490_000_000, 4.0),  # Qwen3 4B
        ("gguf", "Q8_0", 4_280_000_000, 4.0),
        ("gguf", "UD-Q4_K_M", 2_490_000_000, 4.0),
        ("safetensors", "", 7_670_000_000, 3.8),  # Phi-4-mini
        ("onnx", "int4", 4_930_000_000, 7.9),  # its embeddings stay in 32 bits: too many rather than too few
    ],
)
def test_near_enough(format: ModelFormat, quantization: str, size_bytes: int, billions: float) -> None:
    assert guessed_parameters(format, quantization, size_bytes) / 1e9 == pytest.approx(billions, rel=0.06)


@pytest.mark.parametrize(("format", "quantization"), [("gguf", ""), ("gguf", "IQ1_S"), ("onnx", "q4f16")])
def test_a_name_that_says_nothing(format: ModelFormat, quantization: str) -> None:
    assert guessed_parameters(format, quantization, 10**9) == 0
