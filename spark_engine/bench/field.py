"""Who takes part: every contestant with its program, the formats it runs and the library it needs."""

from importlib.util import find_spec

from msgspec import Struct

from spark_engine.types.bench import SPARK
from spark_engine.types.models import ModelFormat


class Entry(Struct, frozen=True):
    """A contestant. `program` is its module; `library` the one it imports (empty: Spark's own).

    `most`: streams it can run at once (None: as many as one likes); `together`: all must be there from the start.
    `threads_set`: it computes with as many threads as Spark; else as its library comes.
    """

    id: str
    title: str
    program: str
    formats: tuple[ModelFormat, ...]
    library: str = ""
    most: int | None = None
    together: bool = False
    threads_set: bool = True


_SPARKS = {
    "onnx": "onnxruntime",
    "gguf": "llama_cpp",
    "safetensors": "transformers",
    "pytorch": "transformers",
}
"""The library with which Spark runs a format."""
_ALL: tuple[ModelFormat, ...] = ("onnx", "gguf", "safetensors", "pytorch")
_TORCH: tuple[ModelFormat, ...] = ("safetensors", "pytorch")
FIELD = (
    Entry(SPARK, "Spark over HTTP", "spark_http", _ALL),
    Entry("runner", "Spark's runner alone", "spark_runner", _ALL),
    Entry("bare", "Spark's bare decoder", "spark_bare", _ALL, together=True),
    Entry(
        "og-generator", "og.Generator, threads set", "og_generator", ("onnx",), "onnxruntime_genai", most=1
    ),
    Entry(
        "og-generator-default",
        "og.Generator as it comes",
        "og_generator",
        ("onnx",),
        "onnxruntime_genai",
        most=1,
        threads_set=False,
    ),
    Entry("og-engine", "og.Engine, static batch", "og_engine", ("onnx",), "onnxruntime_genai", together=True),
    Entry("llama-cpp", "llama-cpp-python, raw loop", "llama_cpp_loop", ("gguf",), "llama_cpp", together=True),
    Entry("xllamacpp", "xllamacpp (llama-server)", "xllamacpp_server", ("gguf",), "xllamacpp"),
    Entry(
        "transformers",
        "transformers generate",
        "transformers_generate",
        _TORCH,
        "transformers",
        together=True,
    ),
)
IDS = tuple(entry.id for entry in FIELD)


def entries(model_format: ModelFormat, wanted: tuple[str, ...], *, synthetic: bool) -> list[Entry]:
    """Those who can run a file of this format, in order; `wanted` empty means all.

    Of a synthetic model there is no SafeTensors file, but transformers can make the same shape in memory: it is
    measured beside the ONNX file.
    """
    formats = {model_format} | (set(_TORCH[:1]) if synthetic and model_format == "onnx" else set())
    return [
        entry
        for entry in FIELD
        if (not wanted or entry.id in wanted)
        and (formats & set(entry.formats) if entry.library else model_format in entry.formats)
    ]


def missing_library(entry: Entry, model_format: ModelFormat, foreign: str) -> str:
    """The module that is not installed here for it; empty when it is, or may be for the Python `foreign`."""
    library = entry.library or _SPARKS.get(model_format, "")
    elsewhere = entry.library and foreign
    return "" if not library or elsewhere or find_spec(library) is not None else library


def interpreter(entry: Entry, here: str, foreign: str) -> str:
    """The Python to run it with: `here` when its library is installed for it, else `foreign` where one is named."""
    if not entry.library or not foreign or find_spec(entry.library) is not None:
        return here
    return foreign
