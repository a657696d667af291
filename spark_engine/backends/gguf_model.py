"""A GGUF file opened by llama.cpp: its metadata, its weights, and clear words when it cannot be used."""

import ctypes
from collections.abc import Generator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from spark_engine.backends.gguf_header import check_header
from spark_engine.backends.gguf_library import llama, native_log
from spark_engine.errors import SparkError, Unavailable
from spark_engine.types.models import Pooling

_NONE_OFFLOADED = 0
_POOLINGS: dict[int, Pooling] = {
    llama.LLAMA_POOLING_TYPE_MEAN: "mean",
    llama.LLAMA_POOLING_TYPE_CLS: "cls",
    llama.LLAMA_POOLING_TYPE_LAST: "last",
}
_ALL_FLOAT32 = "0"  # GGUF's number for the file type
_NO_MEMORY = ("alloc", "out of memory")


class GgufModel:
    """An open model; `pointer` is llama.cpp's. `close` frees it."""

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer
        self.vocabulary: int = llama.llama_model_get_vocab(pointer)

    @property
    def vocab_size(self) -> int:
        """How many token ids there are."""
        return int(llama.llama_vocab_n_tokens(self.vocabulary))

    @property
    def architecture(self) -> str:
        """GGUF's name of the kind of model, as `phi3`."""
        return self.metadata("general.architecture")

    @property
    def is_float32(self) -> bool:
        """Whether all weights are unrounded: then the cache is not to round either."""
        return self.metadata("general.file_type") == _ALL_FLOAT32

    @property
    def pooling(self) -> Pooling | None:
        """How the file says that embeddings are made; None when it does not."""
        return _POOLINGS.get(self.number("pooling_type"))

    def metadata(self, key: str) -> str:
        """A value of the file's metadata as text; empty when it has none."""
        length = llama.llama_model_meta_val_str(self.pointer, key.encode(), None, 0)
        if length < 0:
            return ""
        buffer = ctypes.create_string_buffer(length + 1)
        llama.llama_model_meta_val_str(self.pointer, key.encode(), buffer, len(buffer))
        return buffer.raw[:length].decode("utf-8", "replace")

    def number(self, key: str) -> int:
        """A whole number of the architecture's metadata, as `context_length`; 0 when it has none."""
        text = self.metadata(f"{self.architecture}.{key}")
        return int(text) if text.isdecimal() else 0

    def close(self) -> None:
        """Free the model."""
        if self.pointer:
            llama.llama_model_free(self.pointer)
        self.pointer = self.vocabulary = 0


def open_vocabulary(file: Path) -> GgufModel:
    """Open a file for its metadata and tokens only."""
    check_header(file)
    params = llama.llama_model_default_params()
    params.vocab_only = True
    return _checked(file, _open(file, params))


def load_weights(file: Path) -> Generator[float, None, GgufModel]:
    """Open a file with its weights, yielding the fraction that is loaded; closing the generator gives up."""
    check_header(file)
    fractions: SimpleQueue[float | None] = SimpleQueue()
    opened: list[int] = []
    wanted = True

    def progress(fraction: float, _: object) -> bool:
        fractions.put(fraction)
        return wanted

    params = llama.llama_model_default_params()
    params.n_gpu_layers = _NONE_OFFLOADED
    callback = llama.llama_progress_callback(progress)  # must live as long as the loading
    params.progress_callback = callback

    def load() -> None:
        try:
            opened.append(_open(file, params))
        finally:
            fractions.put(None)

    loader = Thread(target=load, name="gguf-loader")
    loader.start()
    try:
        while (fraction := fractions.get()) is not None:
            yield fraction
    except GeneratorExit:
        wanted = False
        loader.join()
        if opened:
            GgufModel(opened[0]).close()
        raise
    loader.join()
    return _checked(file, opened[0])


def _open(file: Path, params: Any) -> int:
    """llama.cpp's model, 0 when it refuses the file."""
    native_log.forget()
    return llama.llama_model_load_from_file(str(file).encode(), params) or 0


def _checked(file: Path, pointer: int) -> GgufModel:
    """The model, when it is of a kind that Spark's decoder can run."""
    if not pointer:
        raise _refused(file, native_log.errors())
    model = GgufModel(pointer)
    reason = _unfit(model)
    if reason:
        architecture = model.architecture
        model.close()
        raise _unsupported(f"{file}: models of the architecture {architecture} {reason}.")
    return model


def _unfit(model: GgufModel) -> str:
    """Why this kind of model cannot generate token by token with a cache that can be cut; empty when it can."""
    if not llama.llama_model_has_decoder(model.pointer) or llama.llama_model_has_encoder(model.pointer):
        return "do not generate text by themselves"
    if llama.llama_model_is_recurrent(model.pointer) or llama.llama_model_is_hybrid(model.pointer):
        return "keep a state that cannot be taken back, which Spark needs"
    if llama.llama_model_is_diffusion(model.pointer):
        return "do not generate from left to right"
    return ""


def _refused(file: Path, said: str) -> SparkError | MemoryError:
    """The error for a file that llama.cpp did not open."""
    if any(words in said for words in _NO_MEMORY):
        return MemoryError(said)
    if "unknown model architecture" in said:
        return _unsupported(f"{file}: {said[:400]}.")
    return Unavailable(
        "bad_model_files",
        "The model's file cannot be used",
        f"{file}: {said[:400] or 'llama.cpp did not say why'}.",
        "Download the model again.",
    )


def _unsupported(message: str) -> Unavailable:
    return Unavailable(
        "unsupported_architecture",
        "This kind of model cannot be run",
        message,
        "Choose another variant of the model, or another model.",
    )
