"""Reads SentencePiece's `tokenizer.model`: pieces with their scores and kinds, from the bare protobuf."""

from pathlib import Path

from msgspec import Struct

from spark_engine.backends.protobuf import Value, all_fields, integers
from spark_engine.backends.torch_errors import bad_files

MOST_BYTES = 64 * 1024 * 1024
UNIGRAM, BPE = 1, 2
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_MODEL_TYPE, _DUMMY_PREFIX = 3, 3
_OTHER_TYPE = "a field has another type than it should"


class Piece(Struct, frozen=True):
    """One token. `kind`: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; as GGUF counts too."""

    text: str
    score: float
    kind: int


class SentencePieceModel(Struct, frozen=True):
    """The pieces in order of their ids. `adds_space`: a space is put before every text."""

    pieces: tuple[Piece, ...]
    model_type: int
    adds_space: bool


def read_model(file: Path) -> SentencePieceModel:
    """What lies in the file; Unavailable when it is no such model."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError("too large")
        return _model(memoryview(file.read_bytes()))
    except (OSError, ValueError) as error:
        raise bad_files(file.parent, f"{file.name} cannot be read: {error}") from error


def _model(data: memoryview) -> SentencePieceModel:
    pieces, kind, space = [], UNIGRAM, True
    for number, value in all_fields(data):
        if number == _PIECES:
            pieces.append(_piece(_message(value)))
        elif number == _TRAINER:
            kind = _last(_message(value), _MODEL_TYPE, kind)
        elif number == _NORMALIZER:
            space = bool(_last(_message(value), _DUMMY_PREFIX, int(space)))
    if not pieces:
        raise ValueError("it holds no tokens")
    return SentencePieceModel(tuple(pieces), kind, space)


def _piece(data: memoryview) -> Piece:
    text, score, kind = "", 0.0, 1
    for number, value in all_fields(data):
        if number == 1:
            text = bytes(_message(value)).decode("utf-8", "replace")
        elif number == 2:
            if not isinstance(value, float):
                raise ValueError(_OTHER_TYPE)
            score = value
        elif number == 3 and isinstance(value, int):
            kind = value
    return Piece(text, score, kind)


def _last(data: memoryview, wanted: int, otherwise: int) -> int:
    """The whole number in a field; protobuf's last one counts."""
    found = [value for number, value in integers(data) if number == wanted]
    return found[-1] if found else otherwise


def _message(value: Value) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError(_OTHER_TYPE)
    return value
