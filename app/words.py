"""Numbers as people say them: sizes, durations, speeds, counts."""

import re

_TICKS = re.compile(r"`([^`]+)`")
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(count: float) -> str:
    """Bytes: `4.9 GB`, `52 MB`, `0 bytes`."""
    for unit, name in _UNITS:
        if count >= unit:
            value = count / unit
            return f"{value:.1f} {name}" if value < 9.95 else f"{value:.0f} {name}"
    return f"{count:.0f} bytes"


def parameters(count: int) -> str:
    """Parameters of a model: `3.8 billion`, `5 million`; empty when unknown."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} billion parameters"
    return f"{count / 1e6:.0f} million parameters" if count >= 1e6 else ""


def tokens(count: int) -> str:
    """A context length: `128k tokens`, `512 tokens`."""
    return f"{count // 1024}k tokens" if count >= 1024 else f"{count} tokens"


def duration(milliseconds: float) -> str:
    """A short time: `85 ms`, `1.4 s`, `2 min 5 s`."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def speed(tokens_per_second: float) -> str:
    """Generation speed: `8.4 tok/s`, `120 tok/s`."""
    return f"{tokens_per_second:.1f} tok/s" if tokens_per_second < 99.95 else f"{tokens_per_second:.0f} tok/s"


def plain(text: str) -> str:
    """Text without Markdown's backticks: what stood between them stands between quotation marks."""
    return _TICKS.sub(r"“\1”", text)


def counted(count: int, one: str, many: str) -> str:
    """`1 request`, `3 requests`."""
    return f"{count} {one if count == 1 else many}"
