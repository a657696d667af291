"""What a file is, by its first bytes; its name counts for nothing."""

from typing import Literal

from spark_engine.catalog.formats import gguf, pytorch_zip

Content = Literal["gguf", "safetensors", "archive", "pickle", "onnx", ""]
_MOST_IR_VERSION = 32


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
