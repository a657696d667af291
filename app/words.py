"""Numbers as people say them: sizes, durations, speeds, counts."""

import re

_TICKS = re.compile(r"`([^`]+)`")
_JOINTS = re.compile(r"([/\\_.:-]|\w{24})(?=\w)")
_LONG = 24


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


def plain(text: str) -> str:
    """Text without Markdown's backticks: what stood between them stands between quotation marks."""
    return _TICKS.sub(r"“\1”", text)


def counted(count: int, one: str, many: str) -> str:
    """`1 request`, `3 requests`."""
    return f"{count} {one if count == 1 else many}"


def breakable(text: str) -> str:
    """Text whose long words (paths, names of files) may be broken where their parts meet."""
    words = text.split(" ")
    return " ".join(_JOINTS.sub("\\1\u200b", word) if len(word) > _LONG else word for word in words)
