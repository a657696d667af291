"""Files that stand where a model should be, known by their first bytes, so that people learn what went wrong."""

from spark_engine.catalog.formats.refusal import refuse
from spark_engine.catalog.formats.source import Source

HEAD = 64
_OLD = "it is of a format older than GGUF, which Spark does not read"
_WEB = "it is a web page, no model"
_KNOWN = {
    b"version https://git-lfs": (
        "not_downloaded",
        "it is a pointer of git-lfs; the model itself was not downloaded",
    ),
    b"<!doctype": ("not_a_model", _WEB),
    b"<html": ("not_a_model", _WEB),
    b"lmgg": ("old_format", _OLD),
    b"fmgg": ("old_format", _OLD),
    b"tjgg": ("old_format", _OLD),
    b"\x89hdf": ("unsupported_format", "it is an HDF5 file, which Spark does not read"),
}


def refuse_strange(source: Source) -> None:
    """Refused when the file is empty or known to be something else."""
    code, reason = _known(source.peek(HEAD))
    if code:
        refuse(code, reason)


def why_none(head: bytes) -> tuple[str, str]:
    """Code and reason for a file that begins with `head` and is no model."""
    code, reason = _known(head)
    return (code, reason) if code else ("not_a_model", "it is no model in a format that Spark reads")


def _known(head: bytes) -> tuple[str, str]:
    if not head:
        return "empty", "it is empty"
    small = head.lower()
    return next((told for sign, told in _KNOWN.items() if small.startswith(sign)), ("", ""))
