"""What keeps a model from being converted, said to people."""

from spark_engine.errors import Unavailable


def unsupported(what: str) -> Unavailable:
    """The files are sound, but the converter does not know how to say this in the other format."""
    return Unavailable(
        "not_convertible",
        "This model cannot be converted",
        f"{what[:1].upper()}{what[1:]}.",
        "Download the model in the wanted format, or convert it to another one.",
    )


def builder_failed(evidence: str) -> Unavailable:
    """onnxruntime-genai's model builder ended without a model."""
    last = next((line for line in reversed(evidence.splitlines()) if line.strip()), "it said nothing")
    return Unavailable(
        "builder_failed",
        "The model builder failed",
        f"onnxruntime-genai's model builder made no model of it: {last.strip()[:300]}",
        "The evidence shows its last lines. Another format may work, or a newer Spark.",
    )


def quantizer_failed(said: str) -> Unavailable:
    """llama.cpp's quantizer refused the file."""
    return Unavailable(
        "quantizer_failed",
        "The file could not be quantized",
        f"llama.cpp made no file of it: {said[:300] or 'it did not say why'}.",
        "Choose another quantization, or start from the F16 or SafeTensors files.",
    )
