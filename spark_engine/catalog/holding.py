"""How each format's decoder holds a model in memory, and how fast it reads it: one line per format.

The figures are of real runners: spark-nano in each format, a quarter-size Phi-4-mini (int4 ONNX, Q4_0 GGUF) and a
600-million-parameter Llama (SafeTensors), at contexts up to 4096 tokens.
"""

from msgspec import Struct

from spark_engine.types.models import ModelFormat

MB = 1_000_000


class Holding(Struct, frozen=True):
    """What a format's decoder makes of a model's files.

    `weights`: bytes held for each byte of the tensors. `parameter_bytes`: bytes held for each parameter instead, where
    the decoder gives all the same type (0: it keeps them as they are). `element_bytes`: of one number in the key/value
    cache; `cache_step`: positions by which the cache of a sequence grows. `growth`: the share of the cache that is held
    twice while it grows. `base_bytes`: the runner with its libraries and nothing loaded, and its scratch memory;
    `token_bytes`: for each token of the vocabulary. `score_bytes`: for each position and attention head at once.
    `efficiency`: the share of the memory bandwidth that decoding reaches; `layer_s`: seconds that a layer takes however
    small it is.
    """

    weights: float = 1.0
    parameter_bytes: int = 0
    element_bytes: int = 4
    cache_step: int = 256
    growth: float = 0.0
    base_bytes: int = 0
    token_bytes: int = 1200
    score_bytes: int = 0
    efficiency: float = 0.5
    layer_s: float = 0.0


_TORCH = Holding(parameter_bytes=4, cache_step=128, base_bytes=460 * MB, efficiency=0.5, layer_s=1.5e-3)

HOLDINGS: dict[ModelFormat, Holding] = {
    # onnxruntime packs matrices anew, with their sums, and lets go of the mapped file.
    "onnx": Holding(weights=1.3, base_bytes=165 * MB, efficiency=0.62, layer_s=0.08e-3),
    # llama.cpp maps the file or repacks it, never needs both; flash attention is off, so scores of a chunk are whole.
    "gguf": Holding(
        element_bytes=2,
        cache_step=512,
        growth=0.5,
        base_bytes=130 * MB,
        token_bytes=700,
        score_bytes=1024,
        efficiency=0.68,
        layer_s=0.1e-3,
    ),
    "safetensors": _TORCH,
    "pytorch": _TORCH,
    "echo": Holding(weights=0.0, base_bytes=50 * MB, token_bytes=0),
}
