"""Makes a coarser GGUF file out of a GGUF file with llama.cpp's own quantizer."""

import ctypes
import re
import threading
from collections.abc import Callable
from pathlib import Path

from spark_engine.backends.convert.failures import quantizer_failed
from spark_engine.backends.gguf_header import check_header
from spark_engine.backends.gguf_library import heard_by, llama

_LINE = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")
_ERROR = 4


def quantize(
    source: Path, target: Path, quantization: str, threads: int, progress: Callable[[float], None]
) -> None:
    """`source` as the file `target`; `progress` is told the fraction that is done. Unavailable when it fails."""
    check_header(source)
    params = llama.llama_model_quantize_default_params()
    params.nthread = threads
    params.ftype = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{quantization}")
    params.allow_requantize = True
    said = _Said(progress)
    with heard_by(said):
        status = llama.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params))
    if status or not target.is_file():
        raise quantizer_failed("; ".join(said.errors[-3:]))


class _Said:
    """Listens to llama.cpp's log: it numbers the tensors as it goes, from several threads."""

    def __init__(self, progress: Callable[[float], None]) -> None:
        self._progress, self._lock = progress, threading.Lock()
        self.errors: list[str] = []

    def __call__(self, level: int, text: bytes, _: object) -> None:
        """One piece of the log."""
        line = text.decode("utf-8", "replace").strip()
        with self._lock:
            if level == _ERROR and line:
                self.errors.append(line)
            if found := _LINE.search(line):
                self._progress(int(found[1]) / max(1, int(found[2])))
