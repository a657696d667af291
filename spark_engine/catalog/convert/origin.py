"""The note beside a converted model: from what it was made, how, and how well both agree."""

from pathlib import Path

import msgspec
from msgspec import Struct

from spark_engine.catalog.origin import ORIGIN
from spark_engine.types.conversions import Agreement

_MOST_BYTES = 1024 * 1024


class ConvertedFrom(Struct, frozen=True, tag="converted"):
    """`source` is the variant it was made from and `source_path` where that lay; `tool` made it. `at`: a time in UTC
    (ISO 8601). `no_agreement`: why there is none."""

    source: str
    source_path: str
    format: str
    quantization: str
    tool: str
    at: str
    seconds: float
    agreement: Agreement | None = None
    no_agreement: str = ""


def write_origin(folder: Path, origin: ConvertedFrom) -> None:
    """Put the note into the model's folder."""
    text = msgspec.json.format(msgspec.json.encode(origin), indent=1)
    (folder / ORIGIN).write_bytes(text + b"\n")


def read_origin(folder: Path) -> ConvertedFrom | None:
    """The note in a folder; None when there is none, or it is about something else."""
    try:
        with (folder / ORIGIN).open("rb") as file:
            return msgspec.json.decode(file.read(_MOST_BYTES), type=ConvertedFrom)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return None
