"""How many parameters a file holds, guessed from its size and the name of its quantization."""

from spark_engine.catalog.convert.targets import TARGETS
from spark_engine.types.models import ModelFormat

_BITS = {(t.format, t.quantization.lower()): t.bits for t in TARGETS} | {
    ("onnx", "uint4"): 5.0, ("onnx", "q4"): 5.0, ("onnx", "uint8"): 9.0, ("onnx", "q8"): 9.0,
    ("onnx", "bf16"): 16.0, ("onnx", "fp32"): 32.0,
    ("gguf", "bf16"): 16.0, ("gguf", "f32"): 32.0, ("gguf", "q4_1"): 5.0, ("gguf", "q5_0"): 5.6,
    ("gguf", "q3_k_l"): 4.3, ("gguf", "iq4_xs"): 4.4, ("gguf", "iq4_nl"): 4.6, ("gguf", "mxfp4"): 4.4,
    ("safetensors", ""): 16.0, ("pytorch", ""): 16.0,
}  # fmt: skip


def guessed_parameters(format: ModelFormat, quantization: str, size_bytes: int) -> int:
    """About how many; 0 when the name of the quantization says nothing."""
    bits = _BITS.get((format, quantization.lower().removeprefix("ud-")))
    return int(size_bytes * 8 / bits) if bits else 0
