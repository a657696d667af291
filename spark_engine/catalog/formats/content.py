"""What a file is, by its first bytes; its name counts for nothing."""

from typing import Literal

from spark_engine.catalog.formats import gguf, pytorch_zip

Content = Literal["gguf", "safetensors", "archive", "pickle", "onnx", ""]
HEAD = 64
_MOST_IR_VERSION = 32
_STRANGE = {
    b"version https://git-lfs": (
        "not_downloaded",
        "it is a pointer of git-lfs; the model itself was not downloaded",
    ),
    b"<!doctype": ("not_a_model", "it is a web page, no model"),
    b"<html": ("not_a_model", "it is a web page, no model"),
    b"lmgg": ("old_format", "it is of a format older than GGUF, which Spark does not read"),
    b"fmgg": ("old_format", "it is of a format older than GGUF, which Spark does not read"),
    b"tjgg": ("old_format", "it is of a format older than GGUF, which Spark does not read"),
    b"\x89hdf": ("unsupported_format", "it is an HDF5 file, which Spark does not read"),
}


def content_of(head: bytes, size: int) -> Content:
    """The format of a file of `size` bytes that begins with `head`; empty when it is none that Spark reads."""
    if head.startswith(gguf.MAGIC):
        return "gguf"
    if head.startswith(pytorch_zip.MAGIC):
        return "archive"
    if len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8:
        return "safetensors"
    if len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "pickle"
    return "onnx" if len(head) > 2 and head[0] == 0x08 and 0 < head[1] < _MOST_IR_VERSION else ""


def why_none(head: bytes) -> tuple[str, str]:
    """Code and reason for a file that is no model."""
    if not head:
        return "empty", "it is empty"
    known = (told for sign, told in _STRANGE.items() if head.lower().startswith(sign))
    return next(known, ("not_a_model", "it is no model in a format that Spark reads"))
