"""What the converting process is told, and what it and the comparing process say: one JSON message a line."""

from typing import Literal

from msgspec import Struct

from spark_engine.types.conversions import Agreement
from spark_engine.types.models import ModelFormat


class ConversionJob(Struct, frozen=True):
    """Make `folder` (which is empty) a model of `target_format` from the folder or file `source`.

    `work` is a folder for what lies between. `file_name`: what a GGUF file is to be called.
    """

    source: str
    source_format: ModelFormat
    target_format: Literal["onnx", "gguf"]
    quantization: str
    folder: str
    work: str
    name: str
    file_name: str
    threads: int = 0


class ComparisonJob(Struct, frozen=True):
    """Compare what the model at `converted` predicts with what the one at `source` does."""

    source: str
    source_format: ModelFormat
    converted: str
    converted_format: ModelFormat
    template: str = ""


class Progress(Struct, frozen=True, tag="progress"):
    """`fraction` 0..1 of this process's work; `step` is a short phrase for people."""

    fraction: float
    step: str


class Failed(Struct, frozen=True, tag="failed"):
    """The end of a process that did not succeed; the fields are those of `errors.SparkError`."""

    code: str
    title: str
    message: str
    remedy: str = ""


class Done(Struct, frozen=True, tag="done"):
    """The files are there: `path` is what a decoder opens. `tool` made them, with its version."""

    path: str
    tool: str


class Compared(Struct, frozen=True, tag="compared"):
    """How both agree. None when the original cannot run here, with the reason."""

    agreement: Agreement | None
    reason: str = ""


Message = Progress | Failed | Done | Compared
