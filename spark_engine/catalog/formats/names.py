"""Which names a model may use for its own files: plain ones, that mean the same on every system."""

import re
import unicodedata

from spark_engine.catalog.formats.refusal import refuse, shown

MOST_NAME, MOST_PATH = 255, 1024
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", "conin$", "conout$", "clock$")
    + tuple(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³")
)
_PLAIN = re.compile(r"[\w./-]+", re.ASCII)
_SPECIAL = frozenset('\\:<>"|?*')
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of characters that nobody sees, or that turn the others round."""


def safe_name(name: str) -> str:
    """`name` itself when it is a path inside a folder (`onnx/model.onnx`); Refused `unsafe_path` when it leads out,
    or when any system would take it for something else."""
    why = _why_not(name)
    if why:
        refuse("unsafe_path", f"the file name {shown(name, 80)!r} is not safe: {why}")
    return name


def is_safe_name(name: str) -> bool:
    """Whether `safe_name` takes it."""
    return not _why_not(name)


def _why_not(name: str) -> str:
    if not name or len(name) > MOST_PATH:
        return "it is empty or too long"
    if not _PLAIN.fullmatch(name) and any(
        letter in _SPECIAL or unicodedata.category(letter) in _UNSEEN for letter in name
    ):
        return "it has characters that file names must not have"
    return next((why for part in name.split("/") if (why := _why_not_part(part))), "")


def _why_not_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "it leads out of the model's folder"
    if len(part.encode()) > MOST_NAME:
        return "it is too long"
    if part[-1] in " ." or part[0] == " ":
        return "it begins or ends with a space or a dot"
    if part.partition(".")[0].rstrip(" ").lower() in _DEVICES:
        return "it is the name of a device"
    return ""
