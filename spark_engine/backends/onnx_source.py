"""What an ONNX decoder is opened from: a folder with an exported model, or files that become one in memory."""

from pathlib import Path
from typing import Protocol

from spark_engine.backends.onnx_config import OnnxConfig, read_config
from spark_engine.backends.onnx_hidden import Opened, open_decoder
from spark_engine.backends.onnx_run import Angles
from spark_engine.backends.pooling_files import read_pooling
from spark_engine.types.models import Pooling


class Source(Protocol):
    """A model's description, and the `files` that hold its weights."""

    config: OnnxConfig
    files: list[Path]
    pooling: Pooling | None

    def open(self, threads: int, *, kernels: bool) -> Opened:
        """A session of it. `kernels`: with Spark's own arithmetic where that fits."""
        ...

    def angles(self, context: int) -> Angles | None:
        """The rotary angles that runs are to be given; None where the model has its own."""
        ...


class OnnxFolder:
    """A folder as the onnxruntime-genai model builder writes it."""

    def __init__(self, folder: Path) -> None:
        self.config = read_config(folder)
        self.files = [file for file in folder.iterdir() if file.is_file() and ".onnx" in file.name]
        self.pooling = read_pooling(folder)

    def open(self, threads: int, *, kernels: bool) -> Opened:
        """See `Source`."""
        return open_decoder(self.config, threads, kernels=kernels)

    def angles(self, context: int) -> None:
        """See `Source`."""
